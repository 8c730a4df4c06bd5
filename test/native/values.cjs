// Values of every type that JavaScript has, odd ones first; each made anew from the generator's choices.
const vm = require('node:vm');

/** mulberry32: the same calls for the same seed, on every machine. */
function generator(seed) {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  };
  const below = (count) => next() % count;
  return { below, pick: (list) => list[below(list.length)] };
}

/** What our own getters and traps throw: the addon has to hand it on as it is. */
const thrown = new Error('thrown by the test');
const throwIt = () => {
  throw thrown;
};

const NUMBERS = [0, -0, 1, -1, 2, 3, 4, 5, 0.5, -0.5, 1.5, 32, 255, 1e9, 1e30, -1e30, 5e-324];
NUMBERS.push(Number.NaN, Infinity, -Infinity, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 53 - 1, 2 ** 53, 2 ** 63);
const TEXTS = ['', 'fused', 'framework', 'auto', 'scalar', 'adam', 'dense', 'relu', 'softmax', 'labels'];
TEXTS.push('\0', 'auto\0', '\ud800', '🙂', '__proto__', 'constructor', 'x'.repeat(100_000), '1', 'NaN');
const ARRAYS = [Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array];
ARRAYS.push(Float32Array, Float64Array, BigInt64Array, BigUint64Array);
const LENGTHS = [0, 1, 2, 3, 4, 5, 7, 12, 20, 64, 1000];

function detached(Type, length) {
  const array = new Type(length);
  structuredClone(array.buffer, { transfer: [array.buffer] });
  return array;
}

function revoked(target) {
  const { proxy, revoke } = Proxy.revocable(target, {});
  revoke();
  return proxy;
}

/** Shrunk behind the back of the array that looks at it. */
function shrunk(Type) {
  const buffer = new ArrayBuffer(64, { maxByteLength: 128 });
  const array = new Type(buffer);
  buffer.resize(8);
  return array;
}

function argumentsOf() {
  // biome-ignore lint/complexity/noArguments: it is the value that is wanted
  return arguments;
}

const traps = Object.fromEntries(
  ['get', 'has', 'ownKeys', 'getPrototypeOf', 'getOwnPropertyDescriptor'].map((name) => [name, throwIt]),
);
const throwing = (name) => Object.defineProperty({}, name, { get: throwIt, enumerable: true });

/** @returns {[kind: string, make: () => unknown][]} */
const kindsOf = ({ below, pick }) => [
  ['undefined', () => undefined],
  ['null', () => null],
  ['boolean', () => below(2) === 0],
  ['number', () => pick(NUMBERS)],
  ['small integer', () => below(12)],
  ['string', () => pick(TEXTS)],
  ['symbol', () => pick([Symbol('s'), Symbol.iterator, Symbol.for('x')])],
  ['bigint', () => pick([0n, 1n, -1n, 2n ** 64n, 2n ** 200n])],
  ['function', () => pick([() => {}, function named() {}, async () => {}, throwIt, class {}, Math.max])],
  [
    'object',
    () => pick([{}, Object.create(null), Object.freeze({ a: 1 }), { length: 3 }, { toString: throwIt }]),
  ],
  ['array', () => pick([[], [1], [[]], new Array(5), new Array(2 ** 32 - 1), [undefined, null], [0.5, 'x']])],
  [
    'builtin',
    () =>
      pick([new Date(0), /x/, new Map(), new WeakMap(), new Error('e'), new Boolean(true), new Number(1)]),
  ],
  ['promise', () => pick([Promise.resolve(1), Promise.race([])])],
  ['proxy', () => new Proxy(pick([{}, [], () => {}, new Float32Array(4)]), {})],
  ['throwing proxy', () => new Proxy(pick([{}, [], () => {}]), traps)],
  ['revoked proxy', () => revoked(pick([{}, [], () => {}]))],
  [
    'throwing getter',
    () => throwing(pick(['layers', 'x', 'step', 'kind', 'order', 'kernels', 'features', 'then'])),
  ],
  ['typed array', () => new (pick(ARRAYS))(pick(LENGTHS))],
  ['typed array, offset', () => new Float32Array(new ArrayBuffer(256), 4 * below(8), below(20))],
  ['detached', () => detached(pick(ARRAYS), pick(LENGTHS))],
  ['shrunk', () => shrunk(pick(ARRAYS))],
  ['shared', () => new (pick(ARRAYS))(new SharedArrayBuffer(8 * pick(LENGTHS)))],
  ['buffer', () => pick([new ArrayBuffer(8), new SharedArrayBuffer(8), Buffer.from('abcdefg').subarray(1)])],
  ['data view', () => new DataView(new ArrayBuffer(pick(LENGTHS)))],
  [
    'of another realm',
    () =>
      vm.runInNewContext(pick(['[1, 2]', '({})', 'new Float32Array(4)', '() => {}', 'new Proxy({}, {})'])),
  ],
  ['arguments', () => argumentsOf(1, 2)],
];

module.exports = { generator, kindsOf, thrown };
