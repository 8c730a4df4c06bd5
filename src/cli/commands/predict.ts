import type { Model, NDArray } from '../../index';
import { keptBeside, settingOf } from '../../io/kept-data';
import { elements } from '../../shape';
import type { Run } from '../command';
import { openModel } from '../model-path';
import type { predict } from '../options';
import { answersOf, answerTable, checkFinite, predictionsJson } from '../predict/answers';
import { type Inputs, inputsOf } from '../predict/inputs';
import { bothGiven } from '../settings';
import { backendOf } from '../train/document';
import { runtimeLine } from '../train/environment';
import { dataFor, missingFor, unknownScale } from '../train/kept';

export const run: Run<typeof predict> = async ({ settings, origins, args, words, out }) => {
  // What comes from the environment, or a file, gives way.
  if (words.length > 0 && origins.data.startsWith('--')) throw bothGiven(origins.data, words[0]);
  const names = words.length > 0 ? words : [dataFor(args.model!, settings.data)];
  const { schema, classNames } = keptBeside(args.model!);
  const model = await openModel(args.model!, settings);
  try {
    const { invert, batchSize, decimal } = settings;
    const missing = missingFor(args.model!, settings.missing, ['mean'], 'error');
    // What a run of other data made of its rows is no secret.
    const isKnown = settingOf(args.model!, 'data') !== undefined;
    const unknownColumns = (file: string) => {
      if (!isKnown) out.note(unknownScale(args.model!, `the numbers of ${file} are taken as they are`));
    };
    const wanted = { inputShape: model.inputShape, schema, missing, decimal, invert, unknownColumns };
    const inputs = await inputsOf(names, wanted, settings);
    const { name, rows, nameOf } = inputs;
    const outputs = await outputsOf(model, inputs, batchSize);
    const runtime = await model.runtime();
    checkFinite(outputs, nameOf);
    const answers = answersOf(model, outputs, classNames);
    const document = {
      schema: 'fusor.predictions',
      version: 1,
      backend: backendOf(runtime),
      model: args.model,
      data: { name, rows },
    };
    out.note(`Predicting on ${runtimeLine(runtime)}`);
    await out.pieces(
      () => predictionsJson(document, answers, nameOf),
      () => answerTable(answers, nameOf),
    );
    return 0;
  } finally {
    await model.dispose();
  }
};

/** Of rows of which only some are in memory: the outputs are, so that nothing is written before all are known to be right. */
async function outputsOf(
  model: Model,
  { rows, chunks, close }: Inputs,
  batchSize: number,
): Promise<NDArray<Float32Array>> {
  try {
    const width = elements(model.outputShape);
    const data = new Float32Array(rows * width);
    let at = 0;
    for await (const x of chunks) {
      const outputs = await model.predict(x, { batchSize });
      data.set(outputs.data, at);
      at += outputs.data.length;
    }
    return { data, shape: [rows, width] };
  } finally {
    await close();
  }
}
