/** The real TensorFlow.js, as somebody else's program has it. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

type Tf = typeof import('@tensorflow/tfjs');

/** The whole of it, on plain JavaScript. */
export async function realTfjs(): Promise<Tf> {
  const tf: Tf = require('@tensorflow/tfjs');
  tf.enableProdMode();
  await tf.setBackend('cpu');
  return tf;
}

/**
 * tf.loadLayersModel of a folder, by TensorFlow.js' own loader for the web: it asks for model.json and then for each file
 * of the manifest. (Its global fetch would hand jest the arrays of another realm, which it takes for no arrays.)
 */
export function openWithTfjs(tf: Tf, folder: string): Promise<import('@tensorflow/tfjs').LayersModel> {
  const fetchFunc = async (url: string) => {
    const bytes = readFileSync(join(folder, url.split('/').at(-1)!));
    return {
      ok: true,
      json: async () => JSON.parse(bytes.toString()),
      arrayBuffer: async () => Uint8Array.from(bytes).buffer,
    };
  };
  return tf.loadLayersModel(tf.io.http('http://folder/model.json', { fetchFunc } as never));
}

/** tf.LayersModel.save into a folder, as its file handler writes; optionally in files of `shard` bytes. */
export async function saveWithTfjs(
  tf: Tf,
  model: import('@tensorflow/tfjs').LayersModel,
  folder: string,
  { includeOptimizer = false, shard = Number.POSITIVE_INFINITY } = {},
): Promise<void> {
  const handler = tf.io.withSaveHandler(async (artifacts) => {
    const { weightSpecs: weights, weightData, ...head } = artifacts;
    const bytes = Buffer.from(tf.io.CompositeArrayBuffer.join(weightData));
    const count = Math.max(1, Math.ceil(bytes.length / shard));
    const paths = Array.from({ length: count }, (_, i) =>
      count === 1 ? 'weights.bin' : `group1-shard${i + 1}of${count}.bin`,
    );
    paths.forEach((path, i) => {
      writeFileSync(join(folder, path), bytes.subarray(i * shard || 0, (i + 1) * shard));
    });
    writeFileSync(
      join(folder, 'model.json'),
      JSON.stringify({ ...head, weightsManifest: [{ paths, weights }] }),
    );
    return { modelArtifactsInfo: { dateSaved: new Date(), modelTopologyType: 'JSON' } };
  });
  await model.save(handler, { includeOptimizer });
}
