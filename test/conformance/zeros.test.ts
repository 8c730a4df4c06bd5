/** Layers whose input is often zero (one-hot columns, relu, dropout): a backend may leave out such products, and nobody may see it. */
import type { Examples, LayerPlan, TrainPlan } from '../../src/backend/contract';
import { greatestRelative, sameBits } from '../support/compare';
import { dense, OPTIMIZERS, planOf, randomExamples, randomState } from '../support/plans';
import { conformance, openBackend, target } from './target';
import { expectLikeReference, TOLERANCE, train, within } from './training';

const dropout: LayerPlan = { kind: 'dropout', name: 'o', width: 150, rate: 0.5, stream: 1 };
const wide = (name: keyof typeof OPTIMIZERS) =>
  planOf(
    [dense(130, 150, 'tanh'), dropout, dense(150, 161, 'relu'), dense(161, 140, 'gelu'), dense(140, 10)],
    'sparseCategoricalCrossentropy',
    OPTIMIZERS[name],
  );

/** Rows that are zero but for every fifth column or so. */
function mostlyZero(plan: TrainPlan, rows: number): Examples {
  const examples = randomExamples(plan, rows);
  return { ...examples, x: (examples.x as Float32Array).map((value, i) => ((i * 7) % 5 === 0 ? value : 0)) };
}

conformance('inputs that are mostly zero', () => {
  test.each([
    ['adam', 33],
    ['sgd', 7],
    ['rmsprop', 130],
  ] as const)('%s, batch %i: as the reference', async (name, batchSize) => {
    const plan = wide(name);
    const examples = mostlyZero(plan, batchSize);
    await expectLikeReference(await openBackend(), { plan, examples, batchSize });
  });

  test(`one thread, two and three: ${target.sameForAnyThreads ? 'the same, bit for bit' : 'alike'}`, async () => {
    const plan = wide('adam');
    const run = { plan, examples: mostlyZero(plan, 200), batchSize: 70 };
    const [one, ...others] = await Promise.all(
      [1, 2, 3].map(async (threads) => train(await openBackend({ threads }), run)),
    );
    for (const { report, state } of others) {
      within('losses', greatestRelative(report.losses, one.report.losses), TOLERANCE.trajectory);
      if (!target.sameForAnyThreads) continue;
      for (const [p, w] of one.state.weights.entries()) expect(sameBits(state.weights[p], w)).toBe(true);
    }
  });

  test('a timeline tells how many of its products a layer computes', async () => {
    const plan = wide('adam');
    // Of fewer than 64 rows: more may be multiplied by tiles, which leave nothing out.
    const run = { plan, examples: mostlyZero(plan, 120), batchSize: 60 };
    const { report, kernels } = await train(await openBackend({ threads: 1 }), run, { timeline: true });
    const { works, work, density } = report.timeline ?? { works: [], work: [] };
    const shares = new Map<string, number>();
    for (const [i, index] of work.entries())
      shares.set(`${works[index].phase} ${works[index].layer}`, density?.[i] ?? 1);
    for (const share of shares.values()) {
      expect(share).toBeGreaterThan(0);
      expect(share).toBeLessThanOrEqual(1);
    }
    const leavesOut = target.provider === 'native' && kernels.startsWith('fused');
    const [first, , second, third] = plan.layers.map(({ name }) => name);
    const wanted = leavesOut ? [0.2, 0.5, 0.55] : [1, 1, 1];
    for (const [i, layer] of [first, second, third].entries()) {
      const share = shares.get(`forward ${layer}`);
      if (share === undefined) expect(leavesOut).toBe(false);
      else expect(Math.abs(share - wanted[i])).toBeLessThan(leavesOut ? 0.1 : 1e-9);
    }
    if (leavesOut) expect(shares.get(`backward+update ${first}`)).toBeCloseTo(0.2, 1);
  });

  test('a weight that is not finite is not hidden by zeros', async () => {
    const plan = planOf(
      [dense(130, 150, 'relu'), dense(150, 10)],
      'sparseCategoricalCrossentropy',
      OPTIMIZERS.sgd,
    );
    const run = { plan, examples: mostlyZero(plan, 20), batchSize: 1 };
    const whole = await train(await openBackend({ threads: 1 }), run);
    expect(whole.report.finite ?? true).toBe(true);
    const state = randomState(plan);
    const rows = run.examples.rows;
    for (let i = 0; i < rows; i++) (run.examples.x as Float32Array)[i * 130] = 0;
    state.weights[0].fill(Number.POSITIVE_INFINITY, 0, 150);
    for (const threads of [1, 2]) {
      const { report } = await train(await openBackend({ threads }), { ...run, state });
      expect(report.finite === false || report.losses.some((loss) => !Number.isFinite(loss))).toBe(true);
    }
  });
});
