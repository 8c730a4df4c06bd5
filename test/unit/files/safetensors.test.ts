import fc from 'fast-check';
import { readSafetensors, type Tensor, writeSafetensors } from '../../../src/files/safetensors';

const FILE = 'weights.safetensors';
const joined = (tensors: Map<string, Tensor>, metadata?: Record<string, string>) =>
  Uint8Array.from(Buffer.concat(writeSafetensors(tensors, metadata)));

/** A file with this header; JSON unless it is text already. */
function fileOf(header: unknown, body = 0, length?: bigint): Uint8Array {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header), 'latin1');
  const head = Buffer.alloc(8);
  head.writeBigUInt64LE(length ?? BigInt(json.length));
  return Uint8Array.from(Buffer.concat([head, json, Buffer.alloc(body)]));
}

function refusal(bytes: Uint8Array) {
  try {
    readSafetensors(bytes, FILE);
  } catch (error) {
    const { code, message, details } = error as { code: string; message: string; details: { rule?: string } };
    expect(message).toContain(FILE);
    expect(message).not.toContain('\n');
    return { code, message, rule: details.rule };
  }
  throw new Error('it was accepted');
}

const f32 = (shape: unknown, offsets: unknown, dtype: unknown = 'F32') => ({
  dtype,
  shape,
  data_offsets: offsets,
});

describe('round trip', () => {
  const shape = fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 4 });
  const kinds = [Float32Array, Float64Array, Int32Array, Uint8Array];
  const tensor = fc
    .tuple(shape, fc.constantFrom(...kinds), fc.integer())
    .map(([sizes, Kind, start]): Tensor => {
      const data = new Kind(sizes.reduce((a, b) => a * b, 1));
      for (let i = 0; i < data.length; i++) data[i] = start + i;
      return { shape: sizes, data };
    });
  const names = fc.oneof(fc.string(), fc.constantFrom('__proto__', 'constructor', '0', '', 'ü/λ'));
  const named = names.filter((name) => name !== '__metadata__');

  test('any tensors and metadata come back', () => {
    const files = fc.tuple(
      fc.array(fc.tuple(named, tensor)),
      fc.dictionary(fc.string(), fc.string()),
      fc.nat(7),
    );
    fc.assert(
      fc.property(files, ([entries, metadata, shift]) => {
        const tensors = new Map(entries);
        const bytes = joined(tensors, metadata);
        // Where a buffer lies must not matter.
        const moved = new Uint8Array(bytes.length + shift).subarray(shift);
        moved.set(bytes);
        const read = readSafetensors(moved, FILE);
        expect(Object.entries(read.metadata)).toEqual(Object.entries(metadata));
        expect(read.tensors.size).toBe(tensors.size);
        for (const [name, { shape: sizes, data }] of tensors) {
          const found = read.tensors.get(name)!;
          expect(found.shape).toEqual(sizes);
          expect(found.data[Symbol.toStringTag]).toBe(data[Symbol.toStringTag]);
          expect([...found.data]).toEqual([...data]);
        }
      }),
      { numRuns: 500 },
    );
  });

  test('the layout is that of the format', () => {
    const bytes = joined(new Map([['a', { shape: [2], data: Float32Array.of(1, -2) }]]), { k: 'v' });
    const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
    expect(length % 8).toBe(0);
    expect(JSON.parse(Buffer.from(bytes.subarray(8, 8 + length)).toString())).toEqual({
      __metadata__: { k: 'v' },
      a: { dtype: 'F32', shape: [2], data_offsets: [0, 8] },
    });
    expect([...bytes.subarray(8 + length)]).toEqual([0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0]);
  });
});

describe('refused, each by the rule it breaks', () => {
  test.each<[string, Uint8Array, string]>([
    ['no bytes', new Uint8Array(0), 'length'],
    ['7 bytes', new Uint8Array(7), 'length'],
    ['a header of 0 bytes', fileOf('', 8, 0n), 'header-length'],
    ['a header of 2⁶⁴ − 1 bytes', fileOf('{}', 0, 2n ** 64n - 1n), 'header-length'],
    ['a header beyond 100 MB', fileOf('{}', 0, 100_000_001n), 'header-length'],
    ['a header longer than the file', fileOf('{}', 0, 3n), 'header-length'],
    ['a header that is an array', fileOf('[]'), 'header-json'],
    ['a header that is text', fileOf('hello'), 'header-json'],
    ['a lone brace', fileOf('{'), 'header-json'],
    ['blanks before the brace', fileOf(' {}'), 'header-json'],
    ['invalid UTF-8', fileOf('{"\xff":1}'), 'header-utf8'],
    ['deep nesting', fileOf(`${'{"a":'.repeat(200_000)}1${'}'.repeat(200_000)}`), 'header-depth'],
    [
      'deep nesting of a shape',
      fileOf(`{"a":{"dtype":"F32","shape":${'['.repeat(200_000)}${']'.repeat(200_000)}}}`),
      'header-depth',
    ],
    ['unclosed nesting', fileOf('{"a":'.repeat(200_000)), 'header-depth'],
    ['a tensor twice', fileOf('{"a":1,"\\u0061":1}'), 'header-duplicate-key'],
    ['too many values', fileOf(`{"a":[${'0,'.repeat(1_000_001)}0]}`), 'header-values'],
    ['metadata that are no strings', fileOf({ __metadata__: { a: 1 } }), 'metadata'],
    ['an entry that is null', fileOf({ a: null }), 'entry'],
    ['an unknown dtype', fileOf({ a: f32([1], [0, 4], 'Q8') }, 4), 'dtype'],
    ['a dtype of the prototype', fileOf({ a: f32([1], [0, 4], 'toString') }, 4), 'dtype'],
    ['a dtype that is no string', fileOf({ a: f32([1], [0, 4], 32) }, 4), 'dtype'],
    ['an overlap', fileOf({ a: f32([2], [0, 8]), b: f32([2], [4, 12]) }, 12), 'overlap'],
    ['the same bytes twice', fileOf({ a: f32([2], [0, 8]), b: f32([2], [0, 8]) }, 8), 'overlap'],
    ['a hole', fileOf({ a: f32([1], [0, 4]), b: f32([1], [8, 12]) }, 12), 'hole'],
    ['a hole at the beginning', fileOf({ a: f32([1], [4, 8]) }, 8), 'hole'],
    ['bytes too many', fileOf({ a: f32([1], [0, 4]) }, 5), 'hole'],
    ['bytes but no tensor', fileOf({}, 1), 'hole'],
    ['reversed offsets', fileOf({ a: f32([1], [4, 0]) }, 4), 'reversed'],
    ['offsets beyond the file', fileOf({ a: f32([2], [0, 8]) }, 4), 'beyond'],
    ['a negative offset', fileOf({ a: f32([1], [-4, 0]) }, 4), 'offsets'],
    ['a fractional offset', fileOf({ a: f32([1], [0, 4.5]) }, 4), 'offsets'],
    [
      'an infinite offset',
      fileOf('{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,1e400]}}', 4),
      'offsets',
    ],
    [
      'an offset beyond 2⁵³',
      fileOf('{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,9007199254740993]}}', 4),
      'offsets',
    ],
    ['an offset that is text', fileOf({ a: f32([1], ['0', '4']) }, 4), 'offsets'],
    ['three offsets', fileOf({ a: f32([1], [0, 4, 8]) }, 8), 'offsets'],
    ['a size that disagrees', fileOf({ a: f32([3], [0, 8]) }, 8), 'size'],
    ['a product that wraps round', fileOf({ a: f32([2 ** 32, 2 ** 32, 2 ** 4], [0, 4]) }, 4), 'size'],
    ['rank 9', fileOf({ a: f32([1, 1, 1, 1, 1, 1, 1, 1, 1], [0, 4]) }, 4), 'shape'],
    ['a size of −0', fileOf('{"a":{"dtype":"F32","shape":[-0],"data_offsets":[0,0]}}'), 'shape'],
    ['a size that is text', fileOf({ a: f32(['28'], [0, 4]) }, 4), 'shape'],
    ['a size that is null', fileOf({ a: f32([null], [0, 4]) }, 4), 'shape'],
    ['no shape', fileOf({ a: { dtype: 'F32', data_offsets: [0, 4] } }, 4), 'shape'],
  ])('%s', (_, bytes, rule) => {
    expect(refusal(bytes)).toMatchObject({ code: 'ERR_FILE_HEADER', rule });
  });

  test.each([
    ['BF16', 2],
    ['F16', 2],
    ['F8_E4M3', 1],
    ['I64', 8],
  ])('%s, naming what is supported', (dtype, size) => {
    const { code, message } = refusal(fileOf({ a: f32([1], [0, size], dtype) }, size));
    expect(code).toBe('ERR_DTYPE_UNSUPPORTED');
    expect(message).toMatch(/F32, F64, I32, U8/);
  });
});
