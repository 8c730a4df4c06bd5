/** The files of a weights manifest, read into one array a weight. */
import { dirname } from 'node:path';
import { sha256 } from '../../data/digests';
import { containedPath } from '../../files/contained-path';
import { allocate, withFile } from '../../files/read-file';
import { refused } from '../../files/refused';
import type { Tensor } from '../../files/safetensors';
import type { WeightEntry, WeightGroup } from './manifest';

interface Shard {
  path: string;
  file: string;
  size: number;
}

/** Values of the layers' weights, by name. @param digests sha256 by path, where the writer left them */
export async function readShards(
  groups: readonly WeightGroup[],
  source: string,
  digests: Record<string, unknown>,
): Promise<Map<string, Tensor>> {
  const tensors = new Map<string, Tensor>();
  // All sizes are compared before anything is allocated.
  const found = await Promise.all(groups.map((group) => locate(group, source)));
  for (const [g, group] of groups.entries()) {
    const bytes = allocate(group.size, source);
    let at = 0;
    for (const { path, file, size } of found[g]) {
      const part = await withFile(file, missing(path, source), (opened) => opened.read(0, size));
      const expected = Object.hasOwn(digests, path) ? digests[path] : undefined;
      if (expected !== undefined && expected !== sha256(part))
        throw refused(
          source,
          'digest',
          `the checksum of ${path} is wrong`,
          'the file is damaged: take another copy',
        );
      bytes.set(part, at);
      at += size;
    }
    for (const entry of group.entries)
      if (!entry.ofOptimizer) tensors.set(entry.name, tensorOf(entry, bytes));
  }
  return tensors;
}

async function locate({ paths, size }: WeightGroup, source: string): Promise<Shard[]> {
  const shards: Shard[] = [];
  for (const path of paths) {
    const file = await containedPath(dirname(source), path, source);
    if (file === undefined) throw missing(path, source)();
    shards.push({
      path,
      file,
      size: await withFile(file, missing(path, source), async (opened) => opened.size),
    });
  }
  const actual = shards.reduce((sum, shard) => sum + shard.size, 0);
  if (actual === size) return shards;
  const list = shards
    .slice(0, 10)
    .map((shard) => `${shard.path} ${shard.size}`)
    .join(', ');
  throw refused(
    source,
    'shard-size',
    `the weights need ${size} bytes, their files have ${actual} (${list || 'no files'})`,
    actual < size
      ? 'a file is cut short or missing: take another copy'
      : 'a file is too long: take another copy',
    { expected: size, actual },
  );
}

const missing = (path: string, source: string) => (cause?: unknown) =>
  refused(
    source,
    'shard-missing',
    `the file ${path} is not there`,
    'put it beside the model.json',
    { path },
    cause,
  );

function tensorOf({ shape, begin, end }: WeightEntry, bytes: Uint8Array): Tensor {
  // The files of a group need not begin its weights at multiples of four.
  const aligned = (bytes.byteOffset + begin) % 4 === 0 ? bytes.subarray(begin, end) : bytes.slice(begin, end);
  return {
    shape,
    data: new Float32Array(aligned.buffer as ArrayBuffer, aligned.byteOffset, aligned.length / 4),
  };
}
