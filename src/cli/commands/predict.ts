import { FusorError } from '../../errors';
import { keptBeside, settingOf } from '../../io/kept-data';
import type { Run } from '../command';
import { openModel } from '../model-path';
import type { predict } from '../options';
import { answersOf, answerTable, checkFinite } from '../predict/answers';
import { inputsOf } from '../predict/inputs';
import { backendOf } from '../train/document';
import { runtimeLine } from '../train/environment';
import { dataFor, missingFor, unknownScale } from '../train/kept';

export const run: Run<typeof predict> = async ({ settings, origins, args, words, out }) => {
  // What comes from the environment, or a file, gives way.
  if (words.length > 0 && origins.data.startsWith('--'))
    throw new FusorError('ERR_ARG', [
      `${origins.data} and ${words[0]} are both given`,
      '',
      'leave one of them out',
    ]);
  const names = words.length > 0 ? words : [dataFor(args.model!, settings.data, origins.data)];
  const { schema, classNames } = keptBeside(args.model!);
  const model = await openModel(args.model!, settings);
  try {
    const { invert, batchSize, decimal } = settings;
    const missing = missingFor(args.model!, settings.missing, origins.missing, ['mean']);
    // What a run of other data made of its rows is no secret.
    const isKnown = settingOf(args.model!, 'data') !== undefined;
    const unknownColumns = (file: string) => {
      if (!isKnown) out.note(unknownScale(args.model!, `the numbers of ${file} are taken as they are`));
    };
    const wanted = { inputShape: model.inputShape, schema, missing, decimal, invert, unknownColumns };
    const { name, x, rows } = await inputsOf(names, wanted, settings);
    const runtime = await model.runtime();
    const outputs = await model.predict(x, { batchSize });
    checkFinite(outputs, (row) => rows[row]);
    const predictions = answersOf(model, outputs, classNames);
    const document = {
      schema: 'fusor.predictions',
      version: 1,
      backend: backendOf(runtime),
      model: args.model,
      data: { name, rows: x.shape[0] },
      predictions: predictions.map((prediction, i) => ({ row: rows[i], ...prediction })),
    };
    out.note(`Predicting on ${runtimeLine(runtime)}`);
    out.result(document, () => answerTable(predictions, rows));
    return 0;
  } finally {
    await model.dispose();
  }
};
