/**
 * The arrays of a weights.h5 ↔ our tensors: layers/dense_1/vars/0 is the kernel of the second Dense layer, vars/1 its bias; a layer's
 * parameters are numbered in our order.
 */
import { parametersOf } from '../../backend/contract';
import type { Tensor } from '../../files/safetensors';
import { snakeCase } from '../../model/layout';
import type { Model } from '../../model/model';
import { type Hdf5Dataset, hdf5 } from './hdf5';

/** Where Keras keeps each layer, by its name. They are counted by class there, whatever they are called. */
function placesOf(model: Model): Map<string, string> {
  const counts = new Map<string, number>();
  const places = model.toJSON().layers.map(({ className, config: { name } }): [string, string] => {
    const snake = snakeCase(className);
    const n = counts.get(snake) ?? 0;
    counts.set(snake, n + 1);
    return [name!, `layers/${n === 0 ? snake : `${snake}_${n}`}/vars`];
  });
  return new Map(places);
}

/** Keras' path of each weight, by our name. */
function pathsOf(model: Model): Map<string, string> {
  const places = placesOf(model);
  const counts = new Map<string, number>();
  return new Map(
    parametersOf(model.plan()).map(({ layer, kind }) => {
      const n = counts.get(layer) ?? 0;
      counts.set(layer, n + 1);
      return [`${layer}/${kind}`, `${places.get(layer)}/${n}`];
    }),
  );
}

/** What is not the model's keeps its path as its name: the check of names and shapes tells. */
export function tensorsOf(datasets: readonly Hdf5Dataset[], model: Model): Map<string, Tensor> {
  const names = new Map([...pathsOf(model)].map(([name, path]) => [path, name]));
  return new Map(datasets.map(({ path, shape, data }) => [names.get(path) ?? path, { shape, data }]));
}

/** The bytes of a weights.h5. */
export function writeWeights(
  model: Model,
  tensors: ReadonlyMap<string, Tensor>,
  file: string,
): Promise<Uint8Array> {
  const datasets = [...pathsOf(model)].map(([name, path]) => {
    const { shape, data } = tensors.get(name)!;
    return { path, shape, data: Float32Array.from(data) };
  });
  // Layers without weights have a place, too; each says its layer's name.
  const groups = [...placesOf(model)].map(([name, path]) => ({ path, name }));
  return hdf5.write({ groups, datasets }, file);
}
