/**
 * The one source of randomness: Philox-4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers:
 * as easy as 1, 2, 3", SC 2011). Counter-based: every number is a pure function of (seed, purpose, indices),
 * so backends, threads and resumed runs draw the same bits without sharing a state.
 *
 * How counters are spent (the contract; native/kernels/cpu/philox.h holds the same):
 *   key     = seed mod 2³², floor(seed / 2³²)
 *   counter = block, index mod 2³², floor(index / 2³²), purpose·2²⁴ + stream
 * A block gives four numbers. `index` is the epoch (shuffle) or the step (dropout); `stream` the layer.
 */

const M0 = 0xd2511f53;
const M1 = 0xcd9e8d57;
const W0 = 0x9e3779b9;
const W1 = 0xbb67ae85;

export type Counter = readonly [number, number, number, number];

/** What the numbers are for: keeps the streams apart. */
export const Purpose = { shuffle: 1, weights: 2, dropout: 3, split: 4 } as const;

/** High 32 bits of the 64-bit product of two unsigned 32-bit integers. */
function mulHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  const carry = (middle % 0x10000) + aLow * bHigh;
  return (aHigh * bHigh + Math.floor(middle / 0x10000) + Math.floor(carry / 0x10000)) >>> 0;
}

/** One Philox-4x32-10 block: four unsigned 32-bit integers written to `out` from `at`. */
export function philox(out: Uint32Array, at: number, counter: Counter, key0: number, key1: number): void {
  let [c0, c1, c2, c3] = counter;
  for (let round = 0; round < 10; round++) {
    const high0 = mulHigh(M0, c0);
    const low0 = Math.imul(M0, c0);
    const high1 = mulHigh(M1, c2);
    const low1 = Math.imul(M1, c2);
    c0 = (high1 ^ c1 ^ key0) >>> 0;
    c1 = low1 >>> 0;
    c2 = (high0 ^ c3 ^ key1) >>> 0;
    c3 = low0 >>> 0;
    key0 = (key0 + W0) >>> 0;
    key1 = (key1 + W1) >>> 0;
  }
  out[at] = c0;
  out[at + 1] = c1;
  out[at + 2] = c2;
  out[at + 3] = c3;
}

/**
 * `count` unsigned 32-bit random integers.
 * @param seed integer in [0, 2⁵³)
 * @param purpose one of {@link Purpose}
 * @param stream integer in [0, 2²⁴): the layer or parameter
 * @param index integer in [0, 2⁵³): the epoch or step
 */
export function randomUint32(
  count: number,
  seed: number,
  purpose: number,
  stream: number,
  index: number,
): Uint32Array {
  const blocks = Math.ceil(count / 4);
  const out = new Uint32Array(blocks * 4);
  const key0 = seed >>> 0;
  const key1 = Math.floor(seed / 2 ** 32) >>> 0;
  const low = index >>> 0;
  const high = Math.floor(index / 2 ** 32) >>> 0;
  const tag = ((purpose << 24) | stream) >>> 0;
  for (let block = 0; block < blocks; block++) philox(out, block * 4, [block, low, high, tag], key0, key1);
  return out.subarray(0, count);
}

/**
 * The order of the rows 0 … rows−1 in an epoch: Fisher–Yates from the last place down.
 * @param stream of a training on buffers of rows: the number of the buffer
 */
export function permutation(rows: number, seed: number, epoch: number, stream = 0): Uint32Array {
  return shuffled(randomUint32(rows, seed, Purpose.shuffle, stream, epoch));
}

/** As many places as there are random numbers, in the order that they make. */
export function shuffled(random: Uint32Array): Uint32Array {
  const order = new Uint32Array(random.length);
  for (let i = 0; i < order.length; i++) order[i] = i;
  for (let i = order.length - 1; i > 0; i--) {
    const j = Math.floor((random[i] / 2 ** 32) * (i + 1));
    const swapped = order[i];
    order[i] = order[j];
    order[j] = swapped;
  }
  return order;
}

/** `count` float32 values, uniform in [−limit, limit). Parameter `stream` of a model. */
export function uniform(count: number, limit: number, seed: number, stream: number): Float32Array {
  const random = randomUint32(count, seed, Purpose.weights, stream, 0);
  const out = new Float32Array(count);
  for (let i = 0; i < count; i++) out[i] = (random[i] / 2 ** 31 - 1) * limit;
  return out;
}

/**
 * `count` float32 values, normal with this deviation, but none further from 0 than two deviations of the normal that was
 * cut there. Parameter `stream` of a model. One number each, by Acklam's approximation to the inverse of the normal
 * distribution: additions and products, so that they have the same bits in every engine, as logarithms and cosines need not.
 */
export function truncatedNormal(
  count: number,
  deviation: number,
  seed: number,
  stream: number,
): Float32Array {
  const random = randomUint32(count, seed, Purpose.weights, stream, 0);
  const out = new Float32Array(count);
  const share = 0.9544997361036416; // of a normal, within two deviations
  const factor = deviation / 0.8796256610342398; // what is left of the deviation there
  for (let i = 0; i < count; i++) {
    const q = ((random[i] + 0.5) / 2 ** 32 - 0.5) * share;
    out[i] = quantile(q) * factor;
  }
  return out;
}

/** Where a normal has the share 0.5 + q below it. Its middle part is for |q| ≤ 0.47575, and good for 1e-8 to two deviations, 0.47725. */
function quantile(q: number): number {
  const r = q * q;
  const above =
    ((((-39.69683028665376 * r + 220.9460984245205) * r - 275.9285104469687) * r + 138.357751867269) * r -
      30.66479806614716) *
      r +
    2.506628277459239;
  const below =
    ((((-54.47609879822406 * r + 161.5858368580409) * r - 155.6989798598866) * r + 66.80131188771972) * r -
      13.28068155288572) *
      r +
    1;
  return (q * above) / below;
}

/** An element is dropped when its random integer is below this: ⌊rate·2³²⌋. */
export function dropoutThreshold(rate: number): number {
  return Math.floor(rate * 2 ** 32);
}

/** A seed for runs that name none: 32 random bits. Printed and stored by whoever calls it. */
export function chooseSeed(): number {
  return globalThis.crypto.getRandomValues(new Uint32Array(1))[0];
}
