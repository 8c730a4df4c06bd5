/**
 * Reads and writes HDF5 in a thread of its own: the C library, compiled to WebAssembly, sees one file in memory and
 * nothing else, and what it does to itself on a damaged one ends with the thread.
 */
import { parentPort } from 'node:worker_threads';
import type { Dataset, Group } from 'h5wasm';
import { elements } from '../../shape';
import type { Hdf5Answer, Hdf5Dataset, Hdf5Task } from './hdf5';

const NAME = 'file.h5';
const MAX_DEPTH = 16;
const MAX_OBJECTS = 100_000;

/** A file that may be right, but has what is not read here. */
class Refused extends Error {}

parentPort?.on('message', async (task: Hdf5Task) => {
  const answer = await answerTo(task);
  const buffers = 'datasets' in answer ? answer.datasets.map(({ data }) => data.buffer) : [];
  parentPort?.postMessage(answer, buffers as ArrayBuffer[]);
});

async function answerTo(task: Hdf5Task): Promise<Hdf5Answer> {
  try {
    return task.kind === 'read' ? { datasets: await read(task.bytes) } : { bytes: await write(task) };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return { fault: message.split('\n')[0].slice(0, 200), refused: error instanceof Refused };
  }
}

async function read(bytes: Uint8Array): Promise<Hdf5Dataset[]> {
  const { File, ready } = await import('h5wasm');
  const library = (await ready) as unknown as Library;
  const { FS } = library;
  FS.writeFile(NAME, bytes);
  try {
    const file = new File(NAME, 'r');
    try {
      const datasets: Hdf5Dataset[] = [];
      walk(file, '', { library, size: bytes.length, objects: 0 }, datasets);
      return datasets;
    } finally {
      file.close();
    }
  } finally {
    FS.unlink(NAME);
  }
}

/** What of the library is used by itself: its own way to values does not see that they could not be read. */
interface Library {
  FS: { writeFile(name: string, bytes: Uint8Array): void; unlink(name: string): void };
  HEAPU8: Uint8Array;
  _malloc(size: number): number;
  _free(at: number): void;
  get_dataset_data(file: bigint, path: string, count: null, offset: null, strides: null, to: bigint): number;
}

interface Walk {
  library: Library;
  /** Bytes that datasets may still have, for together they are no longer than the file. */
  size: number;
  /** Seen so far. */
  objects: number;
}

function walk(group: Group, path: string, left: Walk, into: Hdf5Dataset[]): void {
  if (path.split('/').length > MAX_DEPTH) throw new Refused('its groups are too deep');
  for (const name of group.keys()) {
    // The optimiser's state is no part of a model.
    if (path === '' && name !== 'layers') continue;
    if (++left.objects > MAX_OBJECTS) throw new Refused('it has too many objects');
    const at = path === '' ? name : `${path}/${name}`;
    if (group.get_link(`/${at}`) || group.get_external_link(`/${at}`)?.filename)
      throw new Refused(`${at} is a link to elsewhere`);
    const entity = group.get(name);
    if (isOf(entity, 'Group')) walk(entity as Group, at, left, into);
    else if (isOf(entity, 'Dataset')) into.push(values(entity as Dataset, at, left));
    else throw new Refused(`${at} is neither a group nor a dataset`);
  }
}

function isOf(entity: unknown, type: string): boolean {
  return (entity as { type?: string } | null)?.type === type;
}

/** H5T_FLOAT. */
const FLOAT = 1;

/** Sizes are compared before any value is read. */
function values(dataset: Dataset, path: string, left: Walk): Hdf5Dataset {
  const { shape, type, size, littleEndian, vlen, virtual_sources: virtual } = dataset.metadata;
  if (shape === null || vlen || type !== FLOAT || !littleEndian || (size !== 4 && size !== 8))
    throw new Refused(`${path} is not an array of float32 or float64`);
  if (virtual || dataset.filters.length > 0) throw new Refused(`${path} is compressed or virtual`);
  const count = elements(shape);
  left.size -= count * size;
  if (!(left.size >= 0)) throw new Refused(`${path} claims more values than the file has bytes`);
  const { library } = left;
  const at = library._malloc(Math.max(1, count * size));
  try {
    const status = library.get_dataset_data(dataset.file_id, dataset.path, null, null, null, BigInt(at));
    if (at === 0 || status < 0) throw new Error(`the values of ${path} cannot be read`);
    const { buffer } = library.HEAPU8.slice(at, at + count * size);
    return { path, shape, data: size === 8 ? new Float64Array(buffer) : new Float32Array(buffer) };
  } finally {
    library._free(at);
  }
}

async function write({ groups, datasets }: Extract<Hdf5Task, { kind: 'write' }>): Promise<Uint8Array> {
  const { File, ready } = await import('h5wasm');
  const { FS } = await ready;
  const file = new File(NAME, 'w');
  const made = new Set<string>();
  for (const { path, name } of groups) {
    // Each needs the one that it is in.
    const parts = path.split('/');
    parts.forEach((_, i) => {
      const at = parts.slice(0, i + 1).join('/');
      if (!made.has(at)) file.create_group(at);
      made.add(at);
    });
    (file.get(path) as Group).create_attribute('name', name);
  }
  for (const { path, shape, data } of datasets)
    file.create_dataset({ name: path, data, shape: [...shape], dtype: '<f4' });
  file.flush();
  file.close();
  const bytes = FS.readFile(NAME) as Uint8Array;
  FS.unlink(NAME);
  return bytes;
}
