/** The process of one variant: trains as `fusor train` does, in rounds that its parent asks for. */
import { once } from 'node:events';
import type { RuntimeInfo, TrainPlan } from '../../index';
import type { Round } from '../../profile/round';
import type { Recorded } from '../../profile/trace';
import { type ToldError, toldError } from '../told-error';
import { targetsOf } from '../train/data';
import { runtimeLine } from '../train/environment';
import { buildModel, loadArrays, type Problem } from '../train/problem';
import { Rounds } from './rounds';

export interface Request {
  problem: Problem;
  seed: number;
  steps: number;
  warmup: number;
  epochs: number;
}

/** What is known before the first round. */
export interface Ready {
  plan: TrainPlan;
  data: string;
  net: string;
  parameters: number;
  rows: number;
  density: number | null;
}

export interface Done {
  runtime: RuntimeInfo;
  ranOn: string;
  memory: { at: string; bytes: number }[];
  recorded: Recorded | undefined;
}

/** What the parent asks for: first a request, then rounds, then the end. */
export type Order = { kind: 'open'; request: Request } | { kind: 'round' } | { kind: 'finish' };

export type Told =
  | { kind: 'ready'; ready: Ready }
  | { kind: 'round'; round: Round }
  | { kind: 'done'; done: Done }
  | { kind: 'failed'; error: ToldError };

const tell = (message: Told) => process.send!(message);
const order = async (): Promise<Order> => (await once(process, 'message'))[0];

process.on('disconnect', () => process.exit(0));

async function profile({ problem, seed, steps, warmup, epochs }: Request): Promise<void> {
  const atStart = process.memoryUsage.rss();
  const { settings } = problem;
  const data = await loadArrays(problem, seed);
  const model = await buildModel(problem, data, seed);
  const y = targetsOf(model, data.train);
  await model.runtime();
  const { batchSize, validationSplit } = settings;
  const plan = model.plan();
  const widths = plan.layers.flatMap((layer) => (layer.kind === 'dense' ? [layer.outputs] : []));
  const ready: Ready = {
    plan,
    data: data.name,
    net: [plan.features, ...widths].join('-'),
    parameters: model.parameterCount,
    rows: batchSize,
    density: densityOf(data.train.x.data),
  };
  let isReady = false;
  const rounds = new Rounds({
    steps,
    warmup,
    epochs,
    async next() {
      if (!isReady) tell({ kind: 'ready', ready });
      isReady = true;
      return (await order()).kind === 'round';
    },
    done: (round) => tell({ kind: 'round', round }),
  });
  rounds.memory.push({ at: 'Node.js', bytes: atStart });
  rounds.remember('libraries and model');
  const options = { epochs: 1_000_000, batchSize, validationSplit, seed, verbose: 0 } as const;
  try {
    await model.fit(data.train.x, y, { ...options, callbacks: [rounds], signal: rounds.signal });
  } catch (error) {
    if (!rounds.signal.aborted) throw error;
  }
  const runtime = await model.runtime();
  const { memory, recorded } = rounds;
  tell({ kind: 'done', done: { runtime, ranOn: runtimeLine(runtime), memory, recorded } });
}

/** Share of the values that are not zero. */
function densityOf(values: ArrayLike<number>): number | null {
  if (!(values instanceof Uint8Array)) return null;
  let count = 0;
  for (const value of values) if (value !== 0) count++;
  return count / values.length;
}

async function main(): Promise<void> {
  const first = await order();
  try {
    if (first.kind === 'open') await profile(first.request);
  } catch (error) {
    tell({ kind: 'failed', error: toldError(error) });
  }
}

void main();
