import fs, { appendFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { type IdxContent, readIdx } from '../../../src/data/idx';
import { idxBytes, idxPair } from '../../support/idx';
import { temporaryFolder } from '../../support/script';

const folder = temporaryFolder();
let count = 0;

function written(bytes: Uint8Array, name = `file-${count++}`): string {
  const file = join(folder, name);
  writeFileSync(file, bytes);
  return file;
}

function refusal(bytes: Uint8Array, content: IdxContent = 'images') {
  const file = written(bytes);
  try {
    readIdx(file, content);
  } catch (error) {
    const { code, message, details } = error as {
      code: string;
      message: string;
      details: Record<string, unknown>;
    };
    expect(message).toContain(file);
    expect(message).not.toContain('\n');
    return { code, message, details };
  }
  throw new Error('it was accepted');
}

const { images, labels } = idxPair(10, 4);
const zeros = (length: number) => new Uint8Array(length);
const little = (shape: number[]) => {
  const bytes = idxBytes(shape, zeros(shape.reduce((a, b) => a * b)));
  shape.forEach((size, axis) => {
    bytes.writeUInt32LE(size, 4 + 4 * axis);
  });
  return bytes;
};

describe('what is read', () => {
  test.each([
    ['plain', images],
    ['gzipped, told by its magic', gzipSync(images)],
    [
      'in several gzip members',
      Buffer.concat([gzipSync(images.subarray(0, 50)), gzipSync(images.subarray(50))]),
    ],
  ])('%s', (_, bytes) => {
    const idx = readIdx(written(bytes), 'images');
    expect(idx.shape).toEqual([10, 4, 4]);
    expect(Buffer.from(idx.data).equals(images.subarray(16))).toBe(true);
    expect(Buffer.from(idx.bytes).equals(images)).toBe(true);
  });

  test('plain under the name of a gzip file', () => {
    expect(readIdx(written(labels, 'labels.gz'), 'labels').shape).toEqual([10]);
  });

  test('images with channels', () => {
    expect(readIdx(written(idxBytes([2, 3, 3, 3], zeros(54))), 'images').shape).toEqual([2, 3, 3, 3]);
  });

  test('any shape and content comes back', () => {
    const shapes = fc.tuple(
      fc.integer({ min: 1, max: 6 }),
      fc.integer({ min: 1, max: 6 }),
      fc.integer({ min: 1, max: 6 }),
    );
    fc.assert(
      fc.property(shapes, fc.boolean(), fc.integer({ min: 0, max: 255 }), (shape, packed, fill) => {
        const bytes = idxBytes(shape, new Uint8Array(shape[0] * shape[1] * shape[2]).fill(fill));
        const idx = readIdx(written(packed ? gzipSync(bytes) : bytes, 'any'), 'images');
        expect(idx.shape).toEqual(shape);
        expect(idx.data.every((value) => value === fill)).toBe(true);
      }),
      { numRuns: 50 },
    );
  });
});

describe('what is refused', () => {
  test.each([
    [0, 'the header needs 16 bytes, got 0'],
    [3, 'the header needs 16 bytes, got 3'],
    [15, 'the header needs 16 bytes, got 15'],
  ])('a file of %i bytes', (length, message) => {
    const { code, message: said } = refusal(images.subarray(0, length));
    expect(code).toBe('ERR_DATA_TRUNCATED');
    expect(said).toContain(message);
  });

  test.each([
    ['labels given as images', labels, 'images', 'are the two swapped?'],
    ['images given as labels', images, 'labels', 'are the two swapped?'],
    ['a header in reverse byte order', Buffer.from([3, 8, 0, 0, 0, 0, 0, 0]), 'images', 'big-endian'],
    ['text', Buffer.from('5,0,0,0,0,0,0,0,0'), 'images', '0x352c302c'],
    ['an unknown type', idxBytes([1, 1, 1], zeros(1), 0x0a), 'images', '0x00000a03'],
  ] as const)('%s', (_, bytes, content, hint) => {
    const { code, message, details } = refusal(bytes, content);
    expect(code).toBe('ERR_DATA_MAGIC');
    expect(message).toContain(hint);
    expect(details.found).toBe(`0x${bytes.toString('hex', 0, 4)}`);
    expect(details.expected).toBe(content === 'images' ? '0x00000803' : '0x00000801');
  });

  test.each([
    ['half an image missing', images.subarray(0, images.length - 8), 176, 168],
    ['sizes beyond any file', idxBytes([0xffffffff, 0xffffffff, 0xffffffff], zeros(5)), 2 ** 96, 21],
    [
      '1,610,612,736 images of a little-endian header',
      idxBytes([0x60000000, 1, 1], zeros(96)),
      1_610_612_752,
      112,
    ],
  ])('%s', (_, bytes, expected, actual) => {
    const { code, details } = refusal(bytes);
    expect(code).toBe('ERR_DATA_TRUNCATED');
    expect(details.actual).toBe(actual);
    expect(Math.abs((details.expected as number) / expected - 1)).toBeLessThan(1e-6);
  });

  test('little-endian sizes, with a hint', () => {
    const { code, message } = refusal(little([300, 4, 4]));
    expect(code).toBe('ERR_DATA_TRUNCATED');
    expect(message).toContain('little-endian');
  });

  test('bytes too many', () => {
    const { code, details } = refusal(Buffer.concat([images, zeros(3)]));
    expect(code).toBe('ERR_DATA_FORMAT');
    expect(details).toMatchObject({ expected: 176, actual: 179 });
  });

  test.each([[[0, 28, 28]], [[5, 0, 28]], [[5, 28, 0]]])('no elements: %p', (shape) => {
    expect(refusal(idxBytes(shape, zeros(0))).code).toBe('ERR_DATA_EMPTY');
  });

  test.each([
    [0x0d, '0x0D (float32)'],
    [0x0b, '0x0B (int16)'],
  ])('elements of type %i', (type, name) => {
    const { code, message } = refusal(idxBytes([2, 4, 4], zeros(128), type));
    expect(code).toBe('ERR_DATA_DTYPE');
    expect(message).toContain(name);
  });

  test('a rank that images do not have', () => {
    expect(refusal(idxBytes([1, 1, 1, 1, 1], zeros(1))).code).toBe('ERR_DATA_DTYPE');
  });

  test.each([
    ['a web page', '<!DOCTYPE html><html><body>404</body></html>'],
    ['a zip archive', 'PK\x03\x04 and so on and on'],
    ['a NumPy array', '\x93NUMPY\x01\x00 and so on'],
    ['a pickle', '\x80\x04\x95 and so on and on'],
  ])('%s', (what, content) => {
    const { code, message } = refusal(Buffer.from(content, 'latin1'));
    expect(code).toBe('ERR_DATA_FORMAT');
    expect(message).toContain(what);
  });
});

describe('gzip', () => {
  test('a bomb stops at the size that its header states', () => {
    const bomb = gzipSync(Buffer.concat([images, zeros(64 << 20)]));
    const before = process.memoryUsage().arrayBuffers;
    const { code, message } = refusal(bomb);
    expect(code).toBe('ERR_DATA_FORMAT');
    expect(message).toContain('more than the 176 bytes');
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 << 20);
  });

  test('a header that promises more than so small a file can hold allocates nothing', () => {
    const before = process.memoryUsage().arrayBuffers;
    expect(refusal(gzipSync(idxBytes([60_000, 280, 280], zeros(4)))).code).toBe('ERR_DATA_TRUNCATED');
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 << 20);
  });

  test('cut at every byte: refused', () => {
    const packed = gzipSync(images);
    for (let length = 0; length < packed.length; length++) {
      expect(refusal(packed.subarray(0, length)).code).toMatch(/^ERR_DATA_(TRUNCATED|FORMAT|MAGIC)$/);
    }
  });

  test('a body shorter than stated, in a whole gzip file', () => {
    expect(refusal(gzipSync(images.subarray(0, 100))).code).toBe('ERR_DATA_TRUNCATED');
  });

  test('a flipped byte', () => {
    const packed = gzipSync(images);
    packed[packed.length - 6] ^= 1;
    expect(refusal(packed).code).toBe('ERR_DATA_FORMAT');
  });
});

test('no such file, and a folder', () => {
  expect(() => readIdx(join(folder, 'absent'), 'images')).toThrow(
    expect.objectContaining({ code: 'ERR_DATA_MISSING' }),
  );
  expect(() => readIdx(folder, 'images')).toThrow(expect.objectContaining({ code: 'ERR_DATA_FORMAT' }));
});

describe('while it is read', () => {
  afterEach(() => jest.restoreAllMocks());
  const during = (name: 'fstatSync' | 'readSync', act: (file: string) => void, bytes: Buffer) => {
    const file = join(folder, `changing-${count++}`);
    writeFileSync(file, bytes);
    const original = fs[name] as (...args: unknown[]) => unknown;
    let calls = 0;
    jest.spyOn(fs, name).mockImplementation(((...args: unknown[]) => {
      const result = original(...args);
      if (calls++ === 0) act(file);
      return result;
    }) as never);
    return () => readIdx(file, 'images');
  };
  const { images } = idxPair(2000);

  test.each([
    ['plain', images],
    ['gzipped', gzipSync(images)],
  ])('it grows or shrinks: %s', (_, bytes) => {
    const changed = { code: 'ERR_IO', message: expect.stringContaining('changed while it was read') };
    expect(during('readSync', (file) => appendFileSync(file, 'x'), bytes)).toThrow(
      expect.objectContaining(changed),
    );
    expect(during('fstatSync', (file) => truncateSync(file, 40), bytes)).toThrow(
      expect.objectContaining({ code: expect.stringMatching(/^ERR_(IO|DATA_TRUNCATED)$/) }),
    );
  });

  test('it vanishes: it is read all the same', () => {
    expect(during('fstatSync', (file) => rmSync(file), images)().shape).toEqual([2000, 4, 4]);
  });

  test.each(['EACCES', 'EIO'])('the system says %s', (code) => {
    const file = join(folder, `refusing-${count++}`);
    writeFileSync(file, images);
    const refuse = () => {
      throw Object.assign(new Error(code), { code });
    };
    jest.spyOn(fs, code === 'EIO' ? 'readSync' : 'openSync').mockImplementation(refuse);
    expect(() => readIdx(file, 'images')).toThrow(
      expect.objectContaining({ code: 'ERR_IO', message: expect.stringContaining(`(${code}) · ${file}`) }),
    );
  });
});
