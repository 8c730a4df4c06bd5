/** The arrays of a weights.h5 ↔ our tensors: layers/dense_1/vars/0 is the kernel of the second Dense layer, vars/1 its bias. */
import { parametersOf } from '../../backend/contract';
import type { Tensor } from '../../files/safetensors';
import type { Model } from '../../model/model';
import { type Hdf5Dataset, hdf5 } from './hdf5';

/** Keras' path of each weight, by our name. Layers are counted by class there, whatever they are called. */
function pathsOf(model: Model): Map<string, string> {
  const dense = model.toJSON().layers.filter(({ className }) => className === 'Dense');
  const places = new Map(dense.map(({ config: { name } }, i) => [name, i === 0 ? 'dense' : `dense_${i}`]));
  return new Map(
    parametersOf(model.plan()).map(({ layer, kind }) => [
      `${layer}/${kind}`,
      `layers/${places.get(layer)}/vars/${kind === 'kernel' ? 0 : 1}`,
    ]),
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
  const counts = new Map<string, number>();
  const groups = model.toJSON().layers.map(({ className, config: { name } }) => {
    const snake = className.toLowerCase();
    const n = counts.get(snake) ?? 0;
    counts.set(snake, n + 1);
    return { path: `layers/${n === 0 ? snake : `${snake}_${n}`}/vars`, name: name! };
  });
  return hdf5.write({ groups, datasets }, file);
}
