import { FUZZED, FUZZED_SLOWLY, fuzz } from '../support/fuzz';

test.each(FUZZED)('100,000 damaged files: %s', (format) => fuzz(format, 100_000, 1), 300_000);

test.each(Object.entries(FUZZED_SLOWLY))(
  'a share of it: %s',
  (format, { share, accepted }) => fuzz(format, 100_000 * share, 1, accepted),
  300_000,
);
