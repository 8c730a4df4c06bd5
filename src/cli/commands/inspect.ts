import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { readJson } from '../../files/read-json';
import type { TrainingConfig } from '../../index';
import { readModel } from '../../io/formats';
import { MODEL_FILE } from '../../io/fusor-model';
import { modelOf } from '../../io/stored-model';
import { checkWeights } from '../../io/weights-check';
import { findCheckpoint } from '../../runs/checkpoint-folder';
import { readEpochs } from '../../runs/epoch-records';
import { CONFIG_FILE, ENVIRONMENT_FILE, MODEL_FOLDER, RESULT_FILE } from '../../runs/run-folder';
import type { Run } from '../command';
import type { Settings } from '../option';
import type { inspect } from '../options';
import { table } from '../output';
import { historyTable } from '../train/report';

/** What is inside; nothing is computed, so no backend is needed. */
export const run: Run<typeof inspect> = async ({ settings, args, out }) => {
  const path = args.path!;
  const isRun = existsSync(join(path, CONFIG_FILE));
  const file = isRun ? await inRun(path) : path;
  const content = file === undefined ? NONE : await contentOf(file, settings);
  const { summary, ...facts } = content;
  const run = isRun ? runOf(path) : undefined;
  const document = {
    schema: 'fusor.inspection',
    version: 1,
    kind: isRun ? 'run' : 'model',
    path,
    ...facts,
    ...(run && { run }),
  };
  out.result(document, () => {
    const { format, maker, compile, tensors } = content;
    return [
      summary,
      [format, maker && `written by ${maker}`].filter(Boolean).join(' · '),
      compile && compiled(compile),
      tensors.length > 0 &&
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

interface Content {
  format: string | null;
  maker: string | null;
  model: { name: string; layers: readonly unknown[]; parameters: number } | null;
  compile: TrainingConfig | null;
  tensors: { name: string; dtype: 'F32' | 'F64'; shape: readonly number[] }[];
  summary: string;
}

const NONE: Content = {
  format: null,
  maker: null,
  model: null,
  compile: null,
  tensors: [],
  summary: 'no model yet: the run still trains, or ended before its first checkpoint',
};

async function contentOf(path: string, settings: Settings<typeof inspect>): Promise<Content> {
  const stored = await readModel(path);
  checkWeights(stored.tensors, stored.weightsFile, settings);
  const model = modelOf(stored.config, stored.configFile);
  const { name, layers, compile = null } = model.toJSON();
  const { format, maker } = stored;
  return {
    format,
    maker,
    model: { name, layers, parameters: model.parameterCount },
    compile,
    tensors: [...stored.tensors].map(([tensor, { shape, data }]) => ({
      name: tensor,
      dtype: data[Symbol.toStringTag] === 'Float64Array' ? 'F64' : 'F32',
      shape,
    })),
    summary: model.summary(),
  };
}

/** The model that a run has: of one that trains, or ended before its end, the newest checkpoint. */
async function inRun(path: string): Promise<string | undefined> {
  const ended = existsSync(join(path, MODEL_FOLDER, MODEL_FILE));
  return ended ? path : (await findCheckpoint(path))?.file;
}

/** optimizer adam (learningRate 0.001, …) · loss … · metrics … */
function compiled({ optimizer, loss, metrics }: TrainingConfig): string {
  const { kind, ...parts } = optimizer;
  const settings = Object.entries(parts).map(([name, value]) => `${name} ${value}`);
  const logits = loss.fromLogits ? ' from logits' : '';
  const smoothing = loss.labelSmoothing ? `, labels smoothed by ${loss.labelSmoothing}` : '';
  const delta = loss.delta === undefined ? '' : ` of delta ${loss.delta}`;
  return [
    `optimizer ${kind} (${settings.join(', ')})`,
    `loss ${loss.kind}${logits}${smoothing}${delta}`,
    metrics.length > 0 && `metrics ${metrics.map(({ name }) => name).join(', ')}`,
  ]
    .filter(Boolean)
    .join(' · ');
}

/** The settings, the machine and the epochs of a run folder. */
function runOf(path: string) {
  const json = (name: string) => readJson(join(path, name)) ?? null;
  return {
    config: json(CONFIG_FILE),
    environment: json(ENVIRONMENT_FILE),
    result: json(RESULT_FILE),
    history: readEpochs(path),
  };
}
