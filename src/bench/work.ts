/** What the measured operations have to do, counted by hand: the figures that speeds and shares are made of. */

export interface Shape {
  batch: number;
  inputs: number;
  units: number;
}

/** Floating-point operations, and the bytes that have to be read and written at least once. */
export interface Work {
  flops: number;
  read: number;
  written: number;
  /** The bytes that both pass over, where what is written lies where it was read; absent: the two together. */
  footprint?: number;
}

export const footprintOf = ({ read, written, footprint = read + written }: Work): number => footprint;

/** m, v and w of one weight: 5 products and sums for m and v fused in pairs, √, +ε, ÷, and the step. */
export const ADAM_FLOPS = 12;
const FLOAT = 4;

/**
 * By operation, for B rows, I inputs, U units; n: bytes of x that are not zero (sparse forms). Bias, relu and mask are not
 * counted as operations, a whole exponential is one; a gradient of weights that goes straight to the optimiser is no bytes.
 */
const WORK = {
  forward: ({ B, I, U }) => ({
    flops: 2 * B * I * U,
    read: FLOAT * (B * I + I * U + U),
    written: FLOAT * B * U,
  }),
  'forward-backward': ({ B, I, U }) => ({
    flops: 6 * B * I * U,
    read: FLOAT * (B * I + I * U + U + B * U),
    written: FLOAT * (B * U + B * I + I * U + U),
  }),
  'input-gradient': ({ B, I, U }) => ({
    flops: 2 * B * I * U,
    read: FLOAT * (B * U + I * U + B * I),
    written: FLOAT * B * I,
  }),
  'weight-update': ({ B, I, U }) => ({
    flops: 2 * B * I * U + B * U + ADAM_FLOPS * (I * U + U),
    read: FLOAT * (B * I + B * U + 3 * (I * U + U)),
    written: FLOAT * 3 * (I * U + U),
  }),
  'sparse-forward': ({ B, I, U, n }) => ({
    flops: 2 * n * U,
    read: B * I + FLOAT * (I * U + U),
    written: FLOAT * B * U,
  }),
  'sparse-update': ({ B, I, U, n }) => ({
    flops: 2 * n * U + B * U + ADAM_FLOPS * (I * U + U),
    read: B * I + FLOAT * (B * U + 3 * (I * U + U)),
    written: FLOAT * 3 * (I * U + U),
  }),
  // Greatest, difference, exponential, sum, quotient, difference to the target, mean.
  'softmax-crossentropy': ({ B, U }) => ({
    flops: 7 * B * U,
    read: FLOAT * (B * U + B),
    written: FLOAT * B * U,
  }),
  gather: ({ B, I }) => ({ flops: B * I, read: B * I + FLOAT * B, written: FLOAT * B * I }),
  optimizer: ({ I, U }) => ({
    flops: ADAM_FLOPS * I * U,
    read: FLOAT * (3 * I * U + I + U),
    written: FLOAT * 3 * I * U,
  }),
} satisfies Record<string, (sizes: { B: number; I: number; U: number; n: number }) => Work>;

export type Op = keyof typeof WORK;
export const OPS = Object.keys(WORK) as Op[];

/** Those that write weights and optimiser state where they read them. */
const IN_PLACE: readonly Op[] = ['weight-update', 'sparse-update', 'optimizer'];

/** @param density share of bytes that are not zero */
export function workOf(op: Op, { batch, inputs, units }: Shape, density: number): Work {
  const work = WORK[op]({ B: batch, I: inputs, U: units, n: density * batch * inputs });
  return IN_PLACE.includes(op) ? { ...work, footprint: work.read } : work;
}
