/** Helpers of the suite: train on the target and on the reference, and compare what came of it. */
import type {
  Backend,
  Examples,
  Listener,
  Session,
  SessionState,
  SpanReport,
  TrainPlan,
} from '../../src/backend/contract';
import { greatestRelative, relativeL2, sameBits } from '../support/compare';
import { kept } from '../support/kept';
import { randomState } from '../support/plans';
import { referenceBackend } from '../support/reference';
import { noteSkip } from '../support/skip';
import { openBackend, target } from './target';

export const TOLERANCE = {
  /** Relative L2 of each parameter after one step, and after 100. */
  weights: 1e-6,
  trajectory: 1e-4,
  /** Relative L2 of each slot after one step: a gradient in which most cancels keeps fewer digits. */
  slots: 2e-5,
  /** Relative, of each step's loss. */
  loss: 1e-5,
  /** Absolute: metrics are shares or of the size of one. */
  metric: 1e-5,
};

export interface Run {
  plan: TrainPlan;
  state?: SessionState;
  examples: Examples;
  batchSize: number;
  /** Default: all rows in their order, once. */
  order?: Uint32Array;
  rate?: number;
  firstStep?: number;
}

export interface Trained {
  report: SpanReport;
  state: SessionState;
  /** Which kernels ran. */
  kernels: string;
}

/** A session that lives as long as `use` runs. */
export async function withSession<T>(
  backend: Backend,
  plan: TrainPlan,
  state: SessionState,
  use: (session: Session) => Promise<T>,
): Promise<T> {
  const session = await backend.createSession(plan, state);
  try {
    return await use(session);
  } finally {
    await session.dispose();
  }
}

export function ordered(rows: number): Uint32Array {
  return Uint32Array.from({ length: rows }, (_, i) => i);
}

/** One rate for each step that an order makes. */
export function constantRates(order: Uint32Array, batchSize: number, rate: number): Float32Array {
  return new Float32Array(Math.ceil(order.length / batchSize)).fill(rate);
}

/** Keras' defaults. */
function usualRate({ optimizer }: TrainPlan): number {
  return optimizer.kind === 'sgd' ? 0.01 : 0.001;
}

/** Trains one span from a fresh session. */
export function train(backend: Backend, run: Run, listen?: Listener): Promise<Trained> {
  const state = run.state ?? randomState(run.plan);
  return withSession(backend, run.plan, state, async (session) => {
    const data = await session.upload(run.examples);
    const order = run.order ?? ordered(run.examples.rows);
    const { batchSize, rate = usualRate(run.plan), firstStep = state.step } = run;
    const learningRates = constantRates(order, batchSize, rate);
    const report = await session.run({ data, order, batchSize, firstStep, learningRates }, listen);
    return { report, state: await session.readState(), kernels: session.description.kernels };
  });
}

/** Trains on both and compares losses, metrics, weights and, after one step, slots. */
export async function expectLikeReference(
  backend: Backend,
  run: Run,
  weightTolerance = TOLERANCE.weights,
): Promise<Trained> {
  const actual = await train(backend, run);
  const expected = await kept(run, () => train(referenceBackend, run));
  expectSameReport(actual.report, expected.report);
  expect(actual.state.step).toBe(expected.state.step);
  expected.state.weights.forEach((w, p) => {
    within('weights', relativeL2(actual.state.weights[p], w), weightTolerance);
  });
  if (weightTolerance > TOLERANCE.weights) return actual;
  expected.state.slots.forEach((slot, s) => {
    slot.forEach((values, p) => {
      within('slots', relativeL2(actual.state.slots[s][p], values), TOLERANCE.slots);
    });
  });
  return actual;
}

/** That two threads and three train to the bits that one does; skips where the target does not promise it. */
export async function expectSameForAnyThreads(run: Run): Promise<void> {
  if (!target.sameForAnyThreads) return noteSkip(`${target.name} does not promise it`);
  const one = await train(await openBackend({ threads: 1 }), run);
  for (const threads of [2, 3]) {
    const { report, state } = await train(await openBackend({ threads }), run);
    expectSameReport(report, one.report);
    expect(sameBits(report.losses, one.report.losses)).toBe(true);
    for (const [p, w] of one.state.weights.entries()) expect(sameBits(state.weights[p], w)).toBe(true);
  }
}

export function expectSameReport(actual: SpanReport, expected: SpanReport): void {
  expect(actual.stopped).toBe(expected.stopped);
  expect(actual.stepsDone).toBe(expected.stepsDone);
  within('losses', greatestRelative(actual.losses, expected.losses, 1e-3), TOLERANCE.loss);
  expect(actual.metrics).toHaveLength(expected.metrics.length);
  expected.metrics.forEach((values, m) => {
    within('metrics', greatestRelative(actual.metrics[m], values, 1), TOLERANCE.metric);
  });
}

const observed = new Map<string, number>();

/** Fails when `error` (not NaN) is above `tolerance`; FUSOR_CONFORMANCE_VERBOSE prints the greatest at the end. */
export function within(what: string, error: number, tolerance: number): void {
  const key = `${what} (≤ ${tolerance})`;
  if (!((observed.get(key) ?? 0) >= error)) observed.set(key, error);
  if (!(error <= tolerance)) throw new Error(`${what} differ by ${error}, more than ${tolerance}`);
}

afterAll(() => {
  if (!process.env.FUSOR_CONFORMANCE_VERBOSE || observed.size === 0) return;
  const lines = [...observed].map(([key, error]) => `${key}: ${error.toExponential(2)}`);
  process.stderr.write(`greatest differences: ${lines.join('; ')}\n`);
});
