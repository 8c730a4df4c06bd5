/** Models on the reference session, for tests of everything above the contract. */
import type { Backend, Session } from '../../src/backend/contract';
import { ndarray } from '../../src/data/ndarray';
import type { CompileOptions } from '../../src/model/compile';
import { type LayerConfig, layers } from '../../src/model/layers';
import { Model } from '../../src/model/model';
import { randomUint32, uniform } from '../../src/random';
import { referenceBackend } from './reference';

/** The reference, with a way to see or change the sessions that it makes. */
export function spyBackend(change: (session: Session) => Session = (session) => session): {
  backend: Backend;
  sessions: Session[];
} {
  const sessions: Session[] = [];
  const backend: Backend = {
    ...referenceBackend,
    createSession: async (plan, state) => {
      const session = change(await referenceBackend.createSession(plan, state));
      sessions.push(session);
      return session;
    },
  };
  return { backend, sessions };
}

export const FEATURES = 5;
export const CLASSES = 3;

export const classifier = (): LayerConfig[] => [
  layers.dense(4, { activation: 'relu', inputShape: [FEATURES] }),
  layers.dense(CLASSES, { activation: 'softmax' }),
];

export const SPARSE: CompileOptions = {
  optimizer: 'adam',
  loss: 'sparseCategoricalCrossentropy',
  metrics: ['accuracy'],
  seed: 7,
};

/** A model that runs on the reference, compiled unless `compile` is null. */
export function referenceModel(
  stack: LayerConfig[] = classifier(),
  compile: CompileOptions | null = SPARSE,
  backend: Backend = referenceBackend,
): Model {
  const model = new Model(stack, 'test', async () => ({ backend, steppedDown: [] }));
  if (compile) model.compile(compile);
  return model;
}

/** Rows with class labels. */
export function labelled(rows: number, seed = 1) {
  return {
    x: ndarray(uniform(rows * FEATURES, 1, seed, 0), [rows, FEATURES]),
    y: ndarray(
      Uint8Array.from(randomUint32(rows, seed, 9, 0, 0), (value) => value % CLASSES),
      [rows],
    ),
  };
}

/** What a promise or a function fails with; fails itself when it does not. */
export async function failure(
  work: Promise<unknown> | (() => unknown),
): Promise<Error & { code?: string; details?: Record<string, unknown> }> {
  let value: unknown;
  try {
    value = await (typeof work === 'function' ? work() : work);
  } catch (error) {
    return error as Error;
  }
  throw new Error(`expected a failure, got ${String(value)}`);
}
