import { counted } from '../../counted';
import { isOwnFolder, loadDataset } from '../../data/datasets';
import type { OwnData } from '../../data/open-table';
import { FusorError } from '../../errors';
import type { Model } from '../../index';
import { type KeptData, keptBeside } from '../../io/kept-data';
import { decimals } from '../../report/number';
import { DATA_FILE } from '../../runs/run-folder';
import { elements } from '../../shape';
import type { Run } from '../command';
import { interruptible } from '../interrupt';
import { openModel, whereOf } from '../model-path';
import type { evaluate } from '../options';
import { thousands } from '../output';
import { rowsOf, taskOf, withTargets } from '../train/data';
import { backendOf, fallbackOf } from '../train/document';
import { runtimeLine } from '../train/environment';
import { dataFor, missingFor, unknownScale } from '../train/kept';
import { compileForTest } from '../train/problem';

export const run: Run<typeof evaluate> = async ({ settings, args, out }) => {
  const set = dataFor(args.model!, settings.data);
  const model = await openModel(args.model!, settings);
  try {
    if (!model.toJSON().compile) compileForTest(model, whereOf(settings));
    const kept = keptBeside(args.model!);
    const data = await loadDataset(set, {
      ...settings,
      ...kept,
      imageSize: settings.imageSize ?? imageSizeOf(model.inputShape),
      missing: missingFor(args.model!, settings.missing, ['mean', 'drop'], 'error'),
      task: taskOf(model),
    });
    if (isOwnFolder(set)) checkClasses(data, model, kept);
    if (data.schema?.scale === 'standard' && !kept.schema)
      out.note(unknownScale(args.model!, 'they are by these rows'));
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
      const values = Object.entries(test).map(([name, value]) => `${name} ${decimals(value)}`);
      return `${values.join(' · ')}\n${thousands(rows)} rows of ${data.name}, on ${runtimeLine(runtime)}`;
    });
    return 0;
  } finally {
    await model.dispose();
  }
};

/** Classes that are numbered as they are found have the model's numbers only where all of them are there. @throws ERR_LABEL_RANGE */
function checkClasses({ schema, classNames, folder }: OwnData, model: Model, kept: KeptData): void {
  if (!classNames || (schema ? kept.schema : kept.classNames)) return;
  const outputs = elements(model.outputShape);
  if (classNames.length === (outputs === 1 ? 2 : outputs)) return;
  throw new FusorError('ERR_LABEL_RANGE', [
    `${classNames.length} classes (${classNames.slice(0, 12).join(', ')}), the model has ${counted(outputs, 'output')}`,
    folder,
    `which output is which class is not known: name the run that trained it, which has kept that in its ${DATA_FILE}, or give rows of all classes`,
  ]);
}

/** Pictures are brought to the model's size, as predict brings them; undefined for a model that takes something else. */
function imageSizeOf([height, width, channels]: readonly number[]): readonly [number, number] | undefined {
  return channels === 1 || channels === 3 ? [height, width] : undefined;
}
