import { isMap } from 'node:util/types';
import { wrong } from '../arguments';
import type { Examples } from '../backend/contract';
import { FusorError } from '../errors';
import type { DataShape } from './data-shape';
import { type ArrayLike, asNDArray } from './ndarray';

/** A factor a row for the loss: finite, ≥ 0, [rows]. undefined stays undefined. */
export function sampleWeightsOf(
  value: ArrayLike | undefined,
  rows: number,
  where: string,
): Float32Array | undefined {
  if (value === undefined) return undefined;
  const { data, shape } = asNDArray(value, where, 'sampleWeight');
  if (data.length !== rows)
    throw new FusorError(
      'ERR_DATA_MISMATCH',
      [
        `x has ${rows} rows, sampleWeight has ${data.length}`,
        `${where}: sampleWeight [${shape}]`,
        'give one weight a row',
      ],
      { xRows: rows, weights: data.length },
    );
  const weights = new Float32Array(data);
  const bad = weights.findIndex((weight) => !(weight >= 0 && Number.isFinite(weight)));
  if (bad >= 0) throw wrong(`${where}, row ${bad}`, 'sampleWeight', data[bad], 'finite and ≥ 0');
  return weights;
}

/**
 * Multiplies the weights of the rows [0, trainRows) by their class's weight; as in Keras, validation rows keep
 * theirs and a class that is not named has weight 1.
 */
export function withClassWeights(
  { plan }: DataShape,
  examples: Examples,
  classWeight: unknown,
  trainRows: number,
): Float32Array | undefined {
  if (classWeight === undefined) return examples.weights;
  if (typeof classWeight !== 'object' || classWeight === null || isMap(classWeight))
    throw wrong('fit', 'classWeight', classWeight, 'an object such as { 0: 1, 1: 5 }');
  if (!plan.loss.kind.endsWith('Crossentropy'))
    throw new FusorError('ERR_ARG', [
      `classWeight has no meaning for ${plan.loss.kind}`,
      'fit',
      'use sampleWeight',
    ]);
  const binary = plan.loss.kind === 'binaryCrossentropy';
  if (binary && plan.outputs > 1)
    throw new FusorError('ERR_ARG', ['classWeight needs one class a row', 'fit', 'use sampleWeight']);
  const classes = binary ? 2 : plan.outputs;
  const factors = new Float32Array(classes).fill(1);
  for (const [key, factor] of Object.entries(classWeight)) {
    const index = Number(key);
    if (!(Number.isInteger(index) && index >= 0 && index < classes))
      throw wrong('fit', 'a class of classWeight', key, `an integer from 0 to ${classes - 1}`);
    if (!(typeof factor === 'number' && factor >= 0 && Number.isFinite(factor)))
      throw wrong('fit', `classWeight[${key}]`, factor, 'finite and ≥ 0');
    factors[index] = factor;
  }
  const weights = examples.weights?.slice() ?? new Float32Array(examples.rows).fill(1);
  for (let row = 0; row < trainRows; row++)
    weights[row] *= factors[classOf(examples, row, plan.outputs, binary)];
  return weights;
}

function classOf({ y }: Examples, row: number, outputs: number, binary: boolean): number {
  if (binary) return y[row] > 0.5 ? 1 : 0;
  if (y[Symbol.toStringTag] === 'Int32Array') return y[row];
  let best = 0;
  for (let i = 1; i < outputs; i++) if (y[row * outputs + i] > y[row * outputs + best]) best = i;
  return best;
}
