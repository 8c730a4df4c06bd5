import { FUZZED, fuzz } from '../support/fuzz';

test.each(FUZZED)('100,000 damaged files: %s', (format) => fuzz(format, 100_000, 1), 300_000);
