/** Small sets in the form of the published ones. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';

/** Records of CIFAR-10: label i mod 10; red is i, green the column, blue the row. */
export function cifarRecords(count: number): Buffer {
  const bytes = Buffer.alloc(count * 3073);
  for (let i = 0; i < count; i++) {
    bytes[i * 3073] = i % 10;
    for (let pixel = 0; pixel < 1024; pixel++) {
      bytes[i * 3073 + 1 + pixel] = i;
      bytes[i * 3073 + 1025 + pixel] = pixel % 32;
      bytes[i * 3073 + 2049 + pixel] = Math.floor(pixel / 32);
    }
  }
  return bytes;
}

export function cifarFiles(rows = 4, replaced: Record<string, Uint8Array> = {}): Record<string, Uint8Array> {
  const names = [1, 2, 3, 4, 5].map((n) => `data_batch_${n}.bin`);
  const all = [...names, 'test_batch.bin'].map((name) => [name, cifarRecords(rows)]);
  return { ...Object.fromEntries(all), ...replaced };
}

/** Reviews as labeledBow.feat has them, good ones first. */
export const IMDB_FILES = {
  'imdb.vocab': 'the\nand\ngood\nbad\nfilm\n',
  'train/labeledBow.feat': '9 0:3 2:5\n10 2:2 4:1\n1 0:1 3:4\n3 3:2 1:1\n',
  'test/labeledBow.feat': '7 2:1\n4 3:1 0:9\n',
};

export function writeFiles(folder: string, files: Record<string, string | Uint8Array>): string {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(join(folder, name, '..'), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
  return folder;
}

/** A .tar.gz of these files. */
export async function tarGz(files: Record<string, string | Uint8Array>): Promise<Buffer> {
  const tar = pack();
  for (const [name, content] of Object.entries(files)) tar.entry({ name }, Buffer.from(content));
  tar.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of tar) chunks.push(chunk);
  // Stored, not packed: that it breaks off in the middle needs a middle.
  return gzipSync(Buffer.concat(chunks), { level: 0 });
}
