import { parametersOf } from '../backend/contract';
import { type ErrorDetails, FusorError } from '../errors';
import type { Tensor } from '../files/safetensors';
import type { Model } from '../model/model';

/** How many faults a message lists before it only counts them. */
const LISTED = 10;

/** Every value finite and a float. @throws ERR_NONFINITE_WEIGHTS, ERR_DTYPE_UNSUPPORTED */
export function checkWeights(
  tensors: ReadonlyMap<string, Tensor>,
  where: string,
  { allowNonfinite = false } = {},
): void {
  for (const [name, { data }] of tensors) {
    const kind = data[Symbol.toStringTag];
    if (kind !== 'Float32Array' && kind !== 'Float64Array')
      throw new FusorError(
        'ERR_DTYPE_UNSUPPORTED',
        [`tensor ${name} is of ${kind === 'Int32Array' ? 'I32' : 'U8'}`, where, 'weights are F32 or F64'],
        { tensor: name },
      );
    const index = allowNonfinite ? -1 : data.findIndex((value: number) => !Number.isFinite(value));
    if (index < 0) continue;
    const value = String(data[index]);
    throw new FusorError(
      'ERR_NONFINITE_WEIGHTS',
      [
        `${value} in tensor ${name}, element ${index}`,
        where,
        'such weights cannot be used: train anew; inspect and convert take them with --allow-nonfinite',
      ],
      { tensor: name, index, value },
    );
  }
}

/**
 * Exactly the model's tensors: one error names all that are missing, too many or of another shape. Needs no values,
 * so that it comes before anything of their size is allocated.
 * @throws ERR_FILE_FORMAT
 */
export function checkShapes(
  tensors: ReadonlyMap<string, { readonly shape: readonly number[] }>,
  where: string,
  model: Model,
): void {
  const shapes = new Map<string, readonly number[]>(
    parametersOf(model.plan()).map(({ layer, kind, shape }) => [`${layer}/${kind}`, shape]),
  );
  const faults: string[] = [];
  for (const [name, shape] of shapes) {
    const tensor = tensors.get(name);
    if (!tensor) faults.push(`${name} is missing`);
    else if (String(tensor.shape) !== String(shape)) {
      faults.push(`${name} is [${tensor.shape}], the model needs [${shape}]`);
    }
  }
  for (const name of tensors.keys()) if (!shapes.has(name)) faults.push(`${name.slice(0, 100)} is too many`);
  if (faults.length === 0) return;
  const more = faults.length > LISTED ? `, and ${faults.length - LISTED} more` : '';
  const details: ErrorDetails = { file: where, faults };
  const what = `the tensors are not the model's: ${faults.slice(0, LISTED).join('; ')}${more}`;
  throw new FusorError('ERR_FILE_FORMAT', [what, where, 'take the weights saved with this model'], details);
}
