/** Trajectories against the golden files, which the reference session wrote once. */
import { greatestRelative, relativeL2 } from '../support/compare';
import { goldenCases } from '../support/golden-cases';
import { normOf, readGolden, sampleOf, writeGolden } from '../support/golden-files';
import { referenceBackend } from '../support/reference';
import { conformance, isShort, openBackend } from './target';
import { TOLERANCE, train, within } from './training';

const cases = goldenCases();

if (process.env.FUSOR_WRITE_GOLDEN) {
  test.each(cases.map(({ name }) => name))('write %s', async (name) => {
    const { report, state } = await train(referenceBackend, cases.find((entry) => entry.name === name)!);
    writeGolden(name, report, state);
  });
} else {
  conformance('golden trajectories', () => {
    for (const given of cases) {
      test(given.name, async () => {
        const golden = readGolden(given.name);
        const steps = isShort ? 15 : golden.losses.length;
        const order = given.order.slice(0, steps * given.batchSize);
        const { report, state } = await train(await openBackend(), { ...given, order });
        const losses = golden.losses.slice(0, steps);
        within('losses of 100 steps', greatestRelative(report.losses, losses), TOLERANCE.trajectory);
        for (const [m, values] of golden.metrics.entries()) {
          within(
            'metrics',
            greatestRelative(report.metrics[m], values.slice(0, steps), 1),
            TOLERANCE.trajectory,
          );
        }
        if (isShort) return;
        for (const [p, { norm, every, values }] of golden.parameters.entries()) {
          const w = state.weights[p];
          within('norm of weights', Math.abs(normOf(w) / norm - 1), TOLERANCE.trajectory);
          within('weights', relativeL2(sampleOf(w, every), values), TOLERANCE.trajectory);
        }
      });
    }
  });
}
