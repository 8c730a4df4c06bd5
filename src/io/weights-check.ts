import { type ErrorDetails, FusorError } from '../errors';
import { layoutOf } from '../model/layout';
import type { Model } from '../model/model';
import type { Tensor } from './safetensors';

/** How many faults a message lists before it only counts them. */
const LISTED = 10;

/**
 * Every value finite and, given a model, exactly its tensors: one error names all that are missing, too many, of
 * another shape or not of floats.
 * @throws ERR_FILE_FORMAT, ERR_DTYPE_UNSUPPORTED, ERR_NONFINITE_WEIGHTS
 */
export function checkWeights(tensors: ReadonlyMap<string, Tensor>, where: string, model?: Model): void {
  if (model) checkTensors(tensors, where, model);
  for (const [name, { data }] of tensors) {
    const index = data.findIndex((value: number) => !Number.isFinite(value));
    if (index < 0) continue;
    const value = String(data[index]);
    throw new FusorError(
      'ERR_NONFINITE_WEIGHTS',
      [`${value} in tensor ${name}, element ${index}`, where, 'such weights cannot be used: train anew'],
      { tensor: name, index, value },
    );
  }
}

function checkTensors(tensors: ReadonlyMap<string, Tensor>, where: string, model: Model): void {
  const shapes = weightShapes(model);
  const faults: string[] = [];
  for (const [name, shape] of shapes) {
    const tensor = tensors.get(name);
    if (!tensor) faults.push(`${name} is missing`);
    else if (String(tensor.shape) !== String(shape)) {
      faults.push(`${name} is [${tensor.shape}], the model needs [${shape}]`);
    }
  }
  for (const name of tensors.keys()) if (!shapes.has(name)) faults.push(`${name} is too many`);
  if (faults.length > 0) {
    const more = faults.length > LISTED ? `, and ${faults.length - LISTED} more` : '';
    const details: ErrorDetails = { file: where, faults };
    const what = `the tensors are not the model's: ${faults.slice(0, LISTED).join('; ')}${more}`;
    throw new FusorError('ERR_FILE_FORMAT', [what, where, 'take the weights saved with this model'], details);
  }
  for (const [name, { data }] of tensors) {
    const kind = data[Symbol.toStringTag];
    if (kind === 'Float32Array' || kind === 'Float64Array') continue;
    throw new FusorError(
      'ERR_DTYPE_UNSUPPORTED',
      [`tensor ${name} is of ${kind === 'Int32Array' ? 'I32' : 'U8'}`, where, 'weights are F32 or F64'],
      { tensor: name },
    );
  }
}

/** Names and shapes of a model's weights, without drawing any: kernel and bias of each Dense layer, as in its plan. */
export function weightShapes(model: Model): Map<string, number[]> {
  const shapes = layoutOf(model.toJSON().layers).layers.flatMap(({ config, inputShape }): number[][] => {
    if (config.className !== 'Dense') return [];
    const { units, useBias } = config.config;
    return useBias ? [[inputShape[0], units], [units]] : [[inputShape[0], units]];
  });
  return new Map(shapes.map((shape, i) => [model.weightNames[i], shape]));
}
