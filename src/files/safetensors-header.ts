import type { FusorError } from '../errors';
import { isObject, JsonFault, parseJson } from './json';

export interface Entry {
  name: string;
  dtype: string;
  shape: number[];
  /** Bytes in the body: [begin, end). */
  begin: number;
  end: number;
}

/** Bits per element of every type of the format. Those below 8 bits are named so that they can be refused by name. */
const BITS: Record<string, number> = {
  BOOL: 8,
  U8: 8,
  I8: 8,
  F8_E5M2: 8,
  F8_E4M3: 8,
  F8_E8M0: 8,
  F8_E4M3FNUZ: 8,
  F8_E5M2FNUZ: 8,
  I16: 16,
  U16: 16,
  F16: 16,
  BF16: 16,
  I32: 32,
  U32: 32,
  F32: 32,
  F64: 64,
  I64: 64,
  U64: 64,
  C64: 64,
  F4: 4,
  F6_E2M3: 6,
  F6_E3M2: 6,
};
const MAX_RANK = 8;

export interface Header {
  entries: Entry[];
  metadata: Record<string, string>;
}

type Broken = (rule: string, what: string) => FusorError;

/**
 * Checks a header against the size of the body it describes.
 * @returns the entries in the order of their bytes, which they cover without hole or overlap
 */
export function parseHeader(bytes: Uint8Array, bodySize: number, broken: Broken): Header {
  const header = objectOf(bytes, broken);
  const metadata = readMetadata(header, broken);
  const entries = Object.entries(header)
    .filter(([name]) => name !== '__metadata__')
    .map(([name, value]) => readEntry(name, value, bodySize, broken))
    .sort((a, b) => a.begin - b.begin || a.end - b.end);
  let at = 0;
  for (const { name, begin, end } of entries) {
    if (begin < at)
      throw broken('overlap', `tensor ${show(name)} begins at byte ${begin}, inside the one before it`);
    if (begin > at) throw broken('hole', `no tensor covers the bytes ${at} … ${begin - 1} of the body`);
    at = end;
  }
  if (at !== bodySize) throw broken('hole', `no tensor covers the bytes ${at} … ${bodySize - 1} of the body`);
  return { entries, metadata };
}

function objectOf(bytes: Uint8Array, broken: Broken): Record<string, unknown> {
  if (bytes[0] !== 0x7b) throw broken('header-json', 'the header does not begin with {');
  try {
    const header = parseJson(bytes);
    if (isObject(header)) return header;
  } catch (error) {
    if (error instanceof JsonFault) throw broken(`header-${error.rule}`, `the header is ${error.message}`);
    throw error;
  }
  throw broken('header-json', 'the header is not a JSON object');
}

function readMetadata(header: Record<string, unknown>, broken: Broken): Record<string, string> {
  if (!Object.hasOwn(header, '__metadata__')) return {};
  const metadata = header.__metadata__;
  if (!isObject(metadata) || !Object.values(metadata).every((value) => typeof value === 'string')) {
    throw broken('metadata', '__metadata__ is not an object of strings');
  }
  return metadata as Record<string, string>;
}

function readEntry(name: string, value: unknown, bodySize: number, broken: Broken): Entry {
  const where = `tensor ${show(name)}`;
  if (!isObject(value)) throw broken('entry', `${where} is not described by an object`);
  const { dtype, shape, data_offsets: offsets } = value;
  const bits = typeof dtype === 'string' && Object.hasOwn(BITS, dtype) ? BITS[dtype] : undefined;
  if (bits === undefined) throw broken('dtype', `${where} has the unknown dtype ${show(dtype)}`);
  if (!Array.isArray(shape) || shape.length > MAX_RANK || !shape.every(isSize)) {
    throw broken('shape', `${where} has the shape ${show(shape)}, expected at most ${MAX_RANK} sizes`);
  }
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isSize)) {
    throw broken('offsets', `${where} has the data_offsets ${show(offsets)}, expected two byte positions`);
  }
  const [begin, end] = offsets as number[];
  if (end < begin) throw broken('reversed', `${where} ends at byte ${end}, before its begin ${begin}`);
  if (end > bodySize) throw broken('beyond', `${where} ends at byte ${end}, the body has ${bodySize}`);
  const size = byteSize(shape as number[], bits);
  if (size !== end - begin) {
    throw broken(
      'size',
      `${where} of ${dtype} [${shape}] needs ${size ?? 'too many'} bytes, it has ${end - begin}`,
    );
  }
  return { name, dtype: dtype as string, shape: shape as number[], begin, end };
}

/** Undefined when it is beyond exact integers: a product that wraps round must not match. */
function byteSize(shape: number[], bits: number): number | undefined {
  if (shape.includes(0)) return 0;
  let size = bits;
  for (const dimension of shape) {
    size *= dimension;
    if (size > Number.MAX_SAFE_INTEGER) return undefined;
  }
  return size / 8;
}

/** −0 is refused: it is no size that anybody writes. */
function isSize(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0 && !Object.is(value, -0);
}

/** JSON of anything, short enough for a message of one line. */
function show(value: unknown): string {
  try {
    const text = JSON.stringify(value) ?? 'undefined';
    return text.length > 60 ? `${text.slice(0, 60)}…` : text;
  } catch {
    return 'a value nested too deeply';
  }
}
