/** Damage to checkpoints of the flagship's size; test/unit does every bit and every length of a small one. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodeCheckpoint } from '../../src/runs/checkpoint-file';
import { listCheckpoints } from '../../src/runs/checkpoint-folder';
import { fusor, WASM } from '../support/cli';
import { figure } from '../support/figures';
import { temporaryFolder } from '../support/script';

const cwd = temporaryFolder();
const TRIED = 10_000;
let bytes: Buffer;
beforeAll(async () => {
  const words = ['train', '--limit', '320', '--epochs', '1', '--quiet', '--run-dir', 'run', ...WASM];
  expect((await fusor(words, { cwd })).status).toBe(0);
  const [{ file }] = await listCheckpoints(join(cwd, 'run', 'checkpoints'));
  bytes = readFileSync(file);
});

const isRefused = (damaged: Uint8Array) => {
  try {
    decodeCheckpoint(damaged, 'a file');
    return false;
  } catch (error) {
    return ['ERR_FILE_FORMAT', 'ERR_FILE_HEADER'].includes((error as { code: string }).code);
  }
};

test(`${TRIED} bits flipped, anywhere: refused`, () => {
  expect(isRefused(bytes)).toBe(false);
  for (let n = 0; n < TRIED; n++) {
    // Evenly spread, the header in full.
    const at = n < TRIED / 10 ? n : Math.floor(Math.random() * bytes.length);
    const mask = 1 << Math.floor(Math.random() * 8);
    bytes[at] ^= mask;
    if (!isRefused(bytes)) throw new Error(`byte ${at}, mask ${mask}`);
    bytes[at] ^= mask;
  }
  figure('bits flipped in a checkpoint of the flagship', TRIED);
});

test(`cut at ${TRIED} places: refused`, () => {
  for (let n = 0; n < TRIED; n++) {
    const length = n < TRIED / 2 ? n : Math.floor(Math.random() * bytes.length);
    if (!isRefused(bytes.subarray(0, length))) throw new Error(`cut at ${length}`);
  }
  figure('cuts of a checkpoint of the flagship', TRIED);
});
