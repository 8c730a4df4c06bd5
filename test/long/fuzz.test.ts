import { FUZZED, FUZZED_SLOWLY, fuzz } from '../support/fuzz';

// Ten seeds, so that one that fails is repeated in a tenth of the time.
describe.each(FUZZED)('a million damaged files: %s', (format) => {
  test.each([2, 3, 4, 5, 6, 7, 8, 9, 10, 11])('seed %i', (seed) => fuzz(format, 100_000, seed), 600_000);
});

describe.each(Object.entries(FUZZED_SLOWLY))('as many, or a share: %s', (format, { long, accepted }) => {
  test.each([2, 3, 4, 5, 6, 7, 8, 9, 10, 11])(
    'seed %i',
    (seed) => fuzz(format, 100_000 * long, seed, accepted),
    600_000,
  );
});
