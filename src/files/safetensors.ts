/**
 * safetensors (https://github.com/huggingface/safetensors): uint64 little-endian length of the header, the header as
 * JSON, the tensors' bytes without holes. The reader trusts nothing: every rule has a name in `details.rule`.
 */
import { FusorError } from '../errors';
import type { OpenFile } from './read-file';
import { refuseByContent } from './refused';
import { type Entry, type Header, parseHeader } from './safetensors-header';

export type TensorData = Float32Array | Float64Array | Int32Array | Uint8Array;

export interface Tensor {
  shape: readonly number[];
  data: TensorData;
}

export interface TensorFile {
  /** In the order of their bytes. */
  tensors: Map<string, Tensor>;
  metadata: Record<string, string>;
  /** The bytes of all tensors. */
  body: Uint8Array;
}

const ARRAYS = { F32: Float32Array, F64: Float64Array, I32: Int32Array, U8: Uint8Array } as const;
const NAMES = { Float32Array: 'F32', Float64Array: 'F64', Int32Array: 'I32', Uint8Array: 'U8' } as const;
/** The format allows 100 MB; a header of thousands of tensors has one. What JSON becomes in memory is five times as much. */
const MAX_HEADER = 16n << 20n;

/** ERR_FILE_HEADER for a broken rule of the format. */
function broken(file: string, rule: string, what: string): FusorError {
  return new FusorError('ERR_FILE_HEADER', [what, file, 'the file is damaged: take another copy'], {
    file,
    rule,
  });
}

/**
 * @param bytes the whole file; the tensors are views of it where alignment allows, else copies
 * @throws ERR_FILE_HEADER with details.rule, ERR_DTYPE_UNSUPPORTED
 */
export function readSafetensors(bytes: Uint8Array, file: string): TensorFile {
  const start = bodyStart(bytes.subarray(0, 8), bytes.length, file);
  const header = headerOf(bytes.subarray(8, start), bytes.length - start, file);
  return tensorsOf(header, bytes.subarray(start), file);
}

/** As {@link readSafetensors}: the body is not read before the header is found to be right. */
export async function readSafetensorsFile({ file, size, read }: OpenFile): Promise<TensorFile> {
  const start = bodyStart(await read(0, Math.min(8, size)), size, file);
  const header = headerOf(await read(8, start), size - start, file);
  return tensorsOf(header, await read(start, size), file);
}

/** Where the header ends, from the first 8 bytes of a file of `size` bytes. */
function bodyStart(head: Uint8Array, size: number, file: string): number {
  if (head.length < 8)
    throw broken(file, 'length', `a safetensors file has at least 8 bytes, this one ${head.length}`);
  const length = new DataView(head.buffer, head.byteOffset, 8).getBigUint64(0, true);
  const rest = BigInt(size - 8);
  if (length === 0n || length > MAX_HEADER || length > rest) {
    refuseByContent(head, file);
    const limit = rest < MAX_HEADER ? rest : MAX_HEADER;
    throw broken(file, 'header-length', `the header's length is stated as ${length}, expected 1 … ${limit}`);
  }
  return 8 + Number(length);
}

function headerOf(bytes: Uint8Array, bodySize: number, file: string): Header {
  return parseHeader(bytes, bodySize, (rule, what) => broken(file, rule, what));
}

function tensorsOf({ entries, metadata }: Header, body: Uint8Array, file: string): TensorFile {
  return {
    tensors: new Map(entries.map((entry) => [entry.name, viewOf(entry, body, file)])),
    metadata,
    body,
  };
}

function viewOf({ name, dtype, shape, begin, end }: Entry, body: Uint8Array, file: string): Tensor {
  if (!(dtype in ARRAYS)) {
    const supported = Object.keys(ARRAYS);
    throw new FusorError(
      'ERR_DTYPE_UNSUPPORTED',
      [`tensor ${name} is ${dtype}`, file, `convert it to one of ${supported.join(', ')}`],
      { file, tensor: name, dtype, supported },
    );
  }
  const Type = ARRAYS[dtype as keyof typeof ARRAYS];
  const bytes = body.subarray(begin, end);
  const aligned = bytes.byteOffset % Type.BYTES_PER_ELEMENT === 0 ? bytes : Uint8Array.from(bytes);
  const data = new Type(
    aligned.buffer as ArrayBuffer,
    aligned.byteOffset,
    aligned.length / Type.BYTES_PER_ELEMENT,
  );
  return { shape, data };
}

/** The parts of a safetensors file, to be written one after the other; the tensors are not copied. */
export function writeSafetensors(
  tensors: ReadonlyMap<string, Tensor>,
  metadata: Record<string, string> = {},
): Uint8Array[] {
  const header: Record<string, unknown> = Object.create(null);
  header.__metadata__ = metadata;
  const parts: Uint8Array[] = [];
  let offset = 0;
  for (const [name, { data, shape }] of tensors) {
    const dtype = NAMES[data[Symbol.toStringTag]];
    header[name] = { dtype, shape: [...shape], data_offsets: [offset, offset + data.byteLength] };
    parts.push(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    offset += data.byteLength;
  }
  const json = Buffer.from(JSON.stringify(header));
  // Blanks up to a multiple of 8, so that a reader's views of the tensors are aligned.
  const head = Buffer.alloc(8 + Math.ceil(json.length / 8) * 8, ' ');
  head.writeBigUInt64LE(BigInt(head.length - 8), 0);
  json.copy(head, 8);
  return [head, ...parts];
}
