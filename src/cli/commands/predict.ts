import { statSync } from 'node:fs';
import { isOwnFolder, loadDataset } from '../../data/datasets';
import { readIdx } from '../../data/idx';
import { type NDArray, ndarray } from '../../index';
import type { Run } from '../command';
import { openModel } from '../model-path';
import type { Settings } from '../option';
import type { predict } from '../options';
import { table } from '../output';
import { arraysOf } from '../train/data';
import { backendOf } from '../train/document';
import { runtimeLine } from '../train/environment';

interface Prediction {
  class: number;
  probabilities: number[];
}

export const run: Run<typeof predict> = async ({ settings, args, out }) => {
  const model = await openModel(args.model!, settings);
  try {
    const { name, x } = await images(settings);
    const runtime = await model.runtime();
    const predictions = split(await model.predict(x, { batchSize: settings.batchSize }));
    const data = { name, rows: x.shape[0] };
    const backend = backendOf(runtime);
    const document = {
      schema: 'fusor.predictions',
      version: 1,
      backend,
      model: args.model,
      data,
      predictions,
    };
    out.note(`Predicting on ${runtimeLine(runtime)}`);
    out.result(document, () => {
      const rows = predictions.map(({ class: best, probabilities }, i) => [
        String(i),
        String(best),
        (probabilities[best] ?? probabilities[0]).toFixed(4),
      ]);
      return table(['row', 'class', 'probability'], rows, [0, 1, 2]);
    });
    return 0;
  } finally {
    await model.dispose();
  }
};

/** An IDX file as it is, or the test images of a data set: [rows, height, width, channels]. */
async function images(settings: Settings<typeof predict>): Promise<{ name: string; x: NDArray }> {
  const { data, limit = Number.POSITIVE_INFINITY } = settings;
  if (!isOwnFolder(data) || statSync(data, { throwIfNoEntry: false })?.isDirectory()) {
    const { name, test } = await loadDataset(data, settings);
    return { name, x: arraysOf(test!).x };
  }
  const idx = readIdx(data, 'images');
  const [height, width, channels = 1] = idx.shape.slice(1);
  const rows = Math.min(limit, idx.shape[0]);
  const values = idx.data.subarray(0, rows * height * width * channels);
  return { name: data, x: ndarray(values, [rows, height, width, channels]) };
}

/** One entry a row. With a single output the class is 1 above a half, else 0. */
function split({ data, shape }: NDArray<Float32Array>): Prediction[] {
  const [rows, outputs] = shape;
  return Array.from({ length: rows }, (_, row) => {
    const probabilities = Array.from(data.subarray(row * outputs, (row + 1) * outputs));
    const best = probabilities.indexOf(Math.max(...probabilities));
    return { class: outputs === 1 ? Number(probabilities[0] > 0.5) : best, probabilities };
  });
}
