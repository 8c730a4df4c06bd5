import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { readJson } from '../../files/read-json';
import type { TrainingConfig } from '../../index';
import { readModel } from '../../io/formats';
import { MODEL_FILE } from '../../io/model';
import { modelOf } from '../../io/stored-model';
import { checkWeights } from '../../io/weights-check';
import { findCheckpoint } from '../../runs/checkpoint-folder';
import { type EpochRecord, readEpochs } from '../../runs/epoch-records';
import type { Run } from '../command';
import type { inspect } from '../options';
import { table } from '../output';
import { historyTable } from '../train/report';

/** What is inside; nothing is computed, so no backend is needed. */
export const run: Run<typeof inspect> = async ({ settings, args, out }) => {
  const path = args.path!;
  const isRun = existsSync(join(path, 'config.json'));
  const stored = await readModel(isRun ? await inRun(path) : path);
  checkWeights(stored.tensors, stored.weightsFile, settings);
  const model = modelOf(stored.config, stored.configFile);
  const config = model.toJSON();
  const tensors = [...stored.tensors].map(([name, { shape, data }]) => ({
    name,
    dtype: data[Symbol.toStringTag] === 'Float64Array' ? 'F64' : 'F32',
    shape,
  }));
  const document = {
    schema: 'fusor.inspection',
    version: 1,
    kind: isRun ? 'run' : 'model',
    path,
    format: stored.format,
    maker: stored.maker,
    model: { name: config.name, layers: config.layers, parameters: model.parameterCount },
    compile: config.compile ?? null,
    tensors,
    ...(isRun && { run: runOf(path) }),
  };
  out.result(document, () => {
    const { run } = document as { run?: { history: EpochRecord[] } };
    return [
      model.summary(),
      [stored.format, stored.maker && `written by ${stored.maker}`].filter(Boolean).join(' · '),
      config.compile && compiled(config.compile),
      table(
        ['tensor', 'dtype', 'shape'],
        tensors.map(({ name, dtype, shape }) => [name, dtype, `[${shape.join(', ')}]`]),
      ),
      run && run.history.length > 0 && historyTable(run.history),
    ]
      .filter(Boolean)
      .join('\n\n');
  });
  return 0;
};

/** The model that a run has: of one that trains, or ended before its end, the newest checkpoint. */
async function inRun(path: string): Promise<string> {
  const ended = existsSync(join(path, 'model', MODEL_FILE));
  const found = ended ? undefined : await findCheckpoint(path);
  return found ? found.file : path;
}

/** optimizer adam (learningRate 0.001, …) · loss … · metrics … */
function compiled({ optimizer, loss, metrics }: TrainingConfig): string {
  const { kind, ...parts } = optimizer;
  const settings = Object.entries(parts).map(([name, value]) => `${name} ${value}`);
  return [
    `optimizer ${kind} (${settings.join(', ')})`,
    `loss ${loss.kind}${loss.fromLogits ? ' from logits' : ''}`,
    metrics.length > 0 && `metrics ${metrics.map(({ name }) => name).join(', ')}`,
  ]
    .filter(Boolean)
    .join(' · ');
}

/** The settings, the machine and the epochs of a run folder. */
function runOf(path: string) {
  const json = (name: string) => readJson(join(path, name)) ?? null;
  return {
    config: json('config.json'),
    environment: json('environment.json'),
    result: json('run.json'),
    history: readEpochs(path),
  };
}
