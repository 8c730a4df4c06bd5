/** Memory over 10,000 models and 10,000 steps. */

import { LEAST_SEEN, leakSlope, MOST_LEAKED } from '../native/leak-slope';
import { obstacle } from '../native/program';
import { figure } from '../support/figures';
import { describeUnless } from '../support/skip';

describeUnless(obstacle)('memory', () => {
  test.each(['cycles', 'soak'] as const)('10,000 of %s: at most 1 MB a 1,000', async (mode) => {
    expect(await leakSlope(mode, 10_000)).toBeLessThan(MOST_LEAKED);
    figure(mode === 'cycles' ? 'models made, trained and disposed of' : 'steps soaked', 10_000);
  });

  test('a planted leak of 2 KB a model is seen', async () => {
    expect(await leakSlope('cycles', 10_000, 2048)).toBeGreaterThan(LEAST_SEEN);
  });
});
