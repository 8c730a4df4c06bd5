/** weightsManifest: which weights lie where in which files. Everything is checked before any of them is opened. */
import { show } from '../../arguments';
import { FusorError } from '../../errors';
import { refused } from '../../files/refused';
import { type Json, Place } from '../layers-model/json';

export interface WeightEntry {
  name: string;
  dtype: 'float32' | 'int32' | 'bool';
  shape: number[];
  /** Bytes in the group's files, one after the other: [begin, end). */
  begin: number;
  end: number;
  /** Of the optimiser, not of a layer. */
  ofOptimizer: boolean;
}

export interface WeightGroup {
  /** As written: not yet contained. */
  paths: string[];
  entries: WeightEntry[];
  /** Bytes of all files together. */
  size: number;
}

const BYTES = { float32: 4, int32: 4, bool: 1 } as const;
const MAX_PATHS = 10_000;
const MAX_WEIGHTS = 100_000;
const MAX_RANK = 8;

/** @throws ERR_FILE_FORMAT, ERR_DTYPE_UNSUPPORTED */
export function readManifest(value: unknown, file: string): WeightGroup[] {
  const place = new Place(file, 'weightsManifest');
  const seen = new Set<string>();
  return place.list(value, MAX_PATHS).map((group, g) => {
    const at = place.at(g);
    const { paths, weights } = at.object(group);
    let end = 0;
    const entries = at
      .at('weights')
      .list(weights, MAX_WEIGHTS)
      .map((entry, w) => {
        const read = readEntry(entry, end, at.at(`weights[${w}]`));
        if (!read.ofOptimizer && seen.has(read.name))
          throw refused(file, 'duplicate', `two weights are named ${show(read.name)}`, 'take another copy');
        seen.add(read.name);
        end = read.end;
        return read;
      });
    const names = at.at('paths').list(paths, MAX_PATHS);
    checkOrder(names, at.at('paths'));
    return { paths: names as string[], entries, size: end };
  });
}

function readEntry(value: unknown, begin: number, place: Place): WeightEntry {
  const { name, dtype, shape, quantization, group } = place.object(value) as Json;
  const named = place.at('name').text(name);
  const ofOptimizer = group === 'optimizer';
  const unsupported = (what: string, mend: string) =>
    new FusorError(
      'ERR_DTYPE_UNSUPPORTED',
      [`weight ${show(named)} is ${what}`, `${place.file}, ${place.path}`, mend],
      {
        file: place.file,
        tensor: named,
        dtype: String(dtype),
        supported: ['float32'],
      },
    );
  if (quantization !== undefined)
    throw unsupported('quantised', 'convert it again without quantization: supported is float32');
  if (typeof dtype !== 'string' || !Object.hasOwn(BYTES, dtype) || (dtype !== 'float32' && !ofOptimizer))
    throw unsupported(`of type ${show(dtype)}`, 'supported is float32');
  const sizes = place.at('shape').list(shape, MAX_RANK);
  let size = BYTES[dtype as keyof typeof BYTES] as number;
  for (const dimension of sizes) {
    if (!Number.isSafeInteger(dimension) || (dimension as number) < 0 || Object.is(dimension, -0))
      throw place.at('shape').wrong(dimension, 'sizes');
    size *= dimension as number;
  }
  // Compared at each weight, so that no sum is ever beyond exact integers.
  if (!(begin + size <= Number.MAX_SAFE_INTEGER)) throw place.at('shape').wrong(shape, 'a size that can be');
  return {
    name: named,
    dtype: dtype as 'float32',
    shape: sizes as number[],
    begin,
    end: begin + size,
    ofOptimizer,
  };
}

/** group1-shard1of3.bin, group1-shard2of3.bin, …: the names say in which order they belong. */
function checkOrder(paths: unknown[], place: Place): void {
  const numbers = paths.map((path) => /shard(\d+)of\d+/.exec(String(path))?.[1]);
  paths.forEach((path, i) => {
    if (numbers[i] === undefined || Number(numbers[i]) === i + 1) return;
    throw refused(
      place.file,
      'shard-order',
      `${place.path}[${i}] is ${show(path)}: its name says that it is not number ${i + 1}`,
      'put the files into their order',
    );
  });
}
