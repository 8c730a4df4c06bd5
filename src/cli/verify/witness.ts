/** Outside witnesses: Keras and PyTorch train the same, by their own layers, losses and optimisers. */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { oneOf } from '../../arguments';
import { trainRowsOf } from '../../data/split';
import { FusorError } from '../../errors';
import { writeAtomic } from '../../files/atomic';
import { type Model, type NDArray, parametersOf } from '../../index';
import { permutation } from '../../random';
import { packageRoot } from '../../version';
import { weightsFile } from './trace-files';
import { type Job, newFolder, runTracer, type Tracer } from './tracers';

const KINDS = ['keras', 'torch'] as const;
type Kind = (typeof KINDS)[number];

/** What witnesses are given: the data, and the weights to begin with. */
export interface Testimony {
  job: Job;
  model: Model;
  x: NDArray;
  y: NDArray;
}

interface WitnessScripts {
  witnessPython(kind: Kind, python?: string): Promise<string>;
  witnessScript(kind: Kind): string;
}

/** @throws ERR_ARG, ERR_UNSUPPORTED for what a library cannot do, ERR_BACKEND_UNAVAILABLE where no Python has it */
export async function witnessTracers(
  { against, python }: { against: readonly string[]; python?: string },
  testimony: Testimony,
): Promise<Tracer[]> {
  if (against.length === 0) return [];
  const { witnessPython, witnessScript }: WitnessScripts = await import(
    pathToFileURL(join(packageRoot, 'scripts', 'witness', 'witness.mjs')).href
  );
  const { job, model } = testimony;
  const found: [Kind, string][] = [];
  for (const name of new Set(against)) {
    const kind = oneOf('--against', 'the value', name, KINDS);
    const hindrance = hindranceOf(kind, model);
    if (hindrance) throw new FusorError('ERR_UNSUPPORTED', [hindrance, `--against ${kind}`]);
    found.push([kind, await witnessPython(kind, python)]);
  }
  const data = await writeData(testimony);
  return found.map(([kind, program]) => ({
    name: kind,
    trace: async ({ snapshots, epoch }, signal) => {
      const folder = await newFolder(job);
      const request = join(folder, 'request.json');
      await writeAtomic(request, JSON.stringify({ data, folder, snapshots, epoch }));
      return runTracer(program, ['-B', witnessScript(kind), request], folder, job, signal);
    },
  }));
}

/** What a library cannot do as we do it; null when it can do it all. */
function hindranceOf(kind: Kind, model: Model): string | null {
  const { layers, optimizer } = model.plan();
  if (layers.some((layer) => layer.kind === 'dropout')) return `${kind} cannot draw our dropout bits`;
  if (kind === 'torch' && optimizer.kind === 'rmsprop')
    return "PyTorch's RMSprop adds epsilon outside of the root; ours and Keras' inside";
  const held = parametersOf(model.plan()).some(({ regularizer, constraint }) => regularizer || constraint);
  if (kind === 'torch' && (held || optimizer.gradientAccumulationSteps !== undefined))
    return 'PyTorch has no regularizers, constraints or gradient accumulation of its own';
  return null;
}

/** One folder for all witnesses. @returns its path */
async function writeData({ job, model, x, y }: Testimony): Promise<string> {
  const folder = await newFolder(job);
  const {
    seed,
    problem: { settings },
  } = job;
  const rows = x.shape[0];
  const trainRows = trainRowsOf(rows, settings.validationSplit);
  const plan = model.plan();
  const write = (name: string, ...parts: (string | NodeJS.ArrayBufferView)[]) =>
    writeAtomic(join(folder, name), ...parts);
  await write('x.bin', x.data as Uint8Array);
  await write('y.bin', plan.targets === 'labels' ? Int32Array.from(y.data) : Float32Array.from(y.data));
  await write('order.bin', permutation(trainRows, seed, 0));
  await write(weightsFile(0), ...(await model.getWeights()).map(({ data }) => data));
  const { layers, compile } = model.toJSON();
  const witnessed = {
    rows,
    batchSize: settings.batchSize,
    inputShape: model.inputShape,
    layers,
    compile,
    plan,
  };
  await write('problem.json', JSON.stringify(witnessed));
  return folder;
}
