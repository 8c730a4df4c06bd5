import { loadDataset } from '../../data/datasets';
import type { Run } from '../command';
import { interruptible } from '../interrupt';
import { openModel, whereOf } from '../model-path';
import type { evaluate } from '../options';
import { thousands } from '../output';
import { rowsOf, taskOf, withTargets } from '../train/data';
import { backendOf, fallbackOf } from '../train/document';
import { runtimeLine } from '../train/environment';
import { dataFor, keptBeside, missingFor } from '../train/kept';
import { compileForTest } from '../train/problem';

export const run: Run<typeof evaluate> = async ({ settings, origins, args, out }) => {
  const set = dataFor(args.model!, settings.data, origins.data);
  const model = await openModel(args.model!, settings);
  try {
    if (!model.toJSON().compile) compileForTest(model, whereOf(settings));
    const data = await loadDataset(set, {
      ...settings,
      imageSize: settings.imageSize ?? imageSizeOf(model.inputShape),
      missing: missingFor(args.model!, settings.missing, origins.missing),
      task: taskOf(model),
      ...keptBeside(args.model!),
    });
    const tested = withTargets(model, data.test ?? data.train);
    const runtime = await model.runtime();
    const { batchSize } = settings;
    const test = await interruptible((signal) => model.evaluate(tested, { batchSize, signal }));
    const rows = rowsOf(data.test ?? data.train);
    const document = {
      schema: 'fusor.evaluation',
      version: 1,
      backend: backendOf(runtime),
      model: args.model,
      data: { name: data.name, rows, sha256: data.sha256 },
      test,
      fallback: fallbackOf(runtime),
    };
    out.result(document, () => {
      const values = Object.entries(test).map(([name, value]) => `${name} ${value.toFixed(4)}`);
      return `${values.join(' · ')}\n${thousands(rows)} rows of ${data.name}, on ${runtimeLine(runtime)}`;
    });
    return 0;
  } finally {
    await model.dispose();
  }
};

/** Pictures are brought to the model's size, as predict brings them; undefined for a model that takes something else. */
function imageSizeOf([height, width, channels]: readonly number[]): readonly [number, number] | undefined {
  return channels === 1 || channels === 3 ? [height, width] : undefined;
}
