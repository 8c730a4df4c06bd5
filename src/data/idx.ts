/**
 * The IDX format of the MNIST family (http://yann.lecun.com/exdb/mnist/): two zero bytes, a type, a rank, `rank`
 * big-endian uint32 dimensions, then the elements, row-major. Everything is checked against the file's size before
 * anything of that size is allocated.
 */
import { FusorError } from '../errors';
import { elements } from '../shape';
import { type DataSource, type OpenedFile, openDataFile, truncated } from './unpack';

export type IdxContent = 'images' | 'labels';

export interface Idx {
  file: string;
  /** labels [n]; images [n, height, width] or [n, height, width, channels]. */
  shape: number[];
  /** The elements: a view of `bytes`. */
  data: Uint8Array;
  /** The whole unpacked file, header included: what digests are taken of. */
  bytes: Uint8Array;
}

const UBYTE = 0x08;
const TYPES: Record<number, string> = {
  8: 'uint8',
  9: 'int8',
  11: 'int16',
  12: 'int32',
  13: 'float32',
  14: 'float64',
};
const MAGIC: Record<IdxContent, string> = { images: '0x00000803', labels: '0x00000801' };
const HEADER: Record<IdxContent, number> = { images: 16, labels: 8 };

/**
 * Reads one IDX file of unsigned bytes, plain or gzipped.
 * @throws ERR_DATA_MISSING, ERR_DATA_TRUNCATED, ERR_DATA_MAGIC, ERR_DATA_DTYPE, ERR_DATA_EMPTY, ERR_DATA_FORMAT, ERR_IO
 */
export function readIdx(source: DataSource, content: IdxContent): Idx {
  const opened = openDataFile(source);
  try {
    const { shape, offset } = readHeader(opened, content);
    const expected = offset + elements(shape);
    checkSize(opened, expected, offset);
    const bytes = opened.read(expected);
    return {
      file: opened.file,
      shape,
      data: new Uint8Array(bytes.buffer, bytes.byteOffset + offset, expected - offset),
      bytes,
    };
  } finally {
    opened.close();
  }
}

function readHeader({ head, file }: OpenedFile, content: IdxContent): { shape: number[]; offset: number } {
  if (head.length < 4) throw shortHeader(file, HEADER[content], head.length);
  checkMagic(head, file, content);
  const rank = head[3];
  const offset = 4 + 4 * rank;
  if (head.length < offset) throw shortHeader(file, offset, head.length);
  const shape = Array.from({ length: rank }, (_, axis) => head.readUInt32BE(4 + 4 * axis));
  if (shape.includes(0)) {
    throw new FusorError(
      'ERR_DATA_EMPTY',
      [`no elements: the shape is [${shape}]`, file, 'delete it, and fetch the file anew'],
      {
        file,
        shape,
      },
    );
  }
  return { shape, offset };
}

function checkMagic(head: Buffer, file: string, content: IdxContent): void {
  const found = `0x${head.toString('hex', 0, 4)}`;
  const expected = MAGIC[content];
  const refuse = (what: string, mend: string) =>
    new FusorError('ERR_DATA_MAGIC', [what, file, mend], { file, found, expected });
  const what = `not an IDX file of ${content}: it starts with ${found}, not ${expected}`;

  if (head[0] !== 0 || head[1] !== 0) {
    if (head[2] === 0 && head[3] === 0 && head[1] in TYPES) {
      throw refuse(what, 'its bytes are in reverse order: IDX is big-endian');
    }
    throw foreign({ head, file }) ?? refuse(what, `name an IDX file of ${content}`);
  }
  const [, , type, rank] = head;
  if (!(type in TYPES)) throw refuse(what, `name an IDX file of ${content}`);
  if (type !== UBYTE) {
    const dtype = `0x${type.toString(16).padStart(2, '0').toUpperCase()} (${TYPES[type]})`;
    throw new FusorError(
      'ERR_DATA_DTYPE',
      [`elements are of type ${dtype}`, file, 'convert them to 0x08 (uint8)'],
      { file, found: type, expected: UBYTE },
    );
  }
  if (content === 'labels' ? rank === 1 : rank === 3 || rank === 4) return;
  if (content === 'images' && rank === 1)
    throw refuse(what, 'this is a file of labels: are the two swapped?');
  if (content === 'labels' && rank === 3)
    throw refuse(what, 'this is a file of images: are the two swapped?');
  throw new FusorError(
    'ERR_DATA_DTYPE',
    [`elements have rank ${rank}`, file, `${content} have rank ${content === 'labels' ? 1 : '3 or 4'}`],
    { file, rank },
  );
}

/** Files of other kinds that turn up under the name of a data set. */
export function foreign(
  { head, file }: Pick<OpenedFile, 'head' | 'file'>,
  mend = 'name an IDX file',
): FusorError | undefined {
  const text = head.toString('latin1');
  const found = text.startsWith('PK\x03\x04')
    ? 'a zip archive (NPZ?)'
    : text.startsWith('\x93NUMPY')
      ? 'a NumPy array'
      : text.startsWith('\x1f\x8b')
        ? 'a gzip file inside a gzip file'
        : head[0] === 0x80 && head[1] >= 2 && head[1] <= 5
          ? 'a pickle, which can run code and is never read'
          : /^\s*<(!doctype|html|\?xml)/i.test(text)
            ? 'a web page, perhaps the error page of a download'
            : undefined;
  return found && new FusorError('ERR_DATA_FORMAT', [`this is ${found}`, file, mend], { file });
}

function checkSize({ file, size, packed, head }: OpenedFile, expected: number, offset: number): void {
  const shape = `its header states [${shapeOf(head, false)}]`;
  if (expected > size) {
    const swapped = offset + elements(shapeOf(head, true));
    if (packed) {
      const what = `its header states [${shapeOf(head, false)}], ${expected} bytes: more than so small a gzip file holds`;
      throw new FusorError('ERR_DATA_TRUNCATED', [what, file, 'delete it, and fetch the file anew'], {
        file,
        expected,
      });
    }
    const hint = swapped === size ? 'the sizes seem to be little-endian: IDX is big-endian' : '';
    throw truncated(file, expected, size, hint || `${shape}: delete it, and fetch the file anew`);
  }
  if (expected < size && !packed) {
    throw new FusorError(
      'ERR_DATA_FORMAT',
      [
        `${size - expected} bytes too many: it should have ${expected}, it has ${size}`,
        file,
        `${shape}: fetch anew`,
      ],
      { file, expected, actual: size },
    );
  }
}

function shapeOf(head: Buffer, littleEndian: boolean): number[] {
  return Array.from({ length: head[3] }, (_, axis) => {
    const at = 4 + 4 * axis;
    return littleEndian ? head.readUInt32LE(at) : head.readUInt32BE(at);
  });
}

function shortHeader(file: string, needed: number, actual: number): FusorError {
  return new FusorError(
    'ERR_DATA_TRUNCATED',
    [`the header needs ${needed} bytes, got ${actual}`, file, 'delete it, and fetch the file anew'],
    { file, expected: needed, actual },
  );
}
