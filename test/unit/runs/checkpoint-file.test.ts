import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { sha256 } from '../../../src/data/digests';
import { readSafetensors, writeSafetensors } from '../../../src/files/safetensors';
import { loadModel } from '../../../src/io/model';
import { decodeCheckpoint, encodeCheckpoint } from '../../../src/runs/checkpoint-file';
import { findCheckpoint, loadCheckpoint } from '../../../src/runs/checkpoint-folder';
import type { Checkpoint } from '../../../src/train/checkpoint';
import { checkpointAt, modelWith } from '../../support/checkpoints';
import { figure } from '../../support/figures';
import { failure } from '../../support/models';
import { temporaryFolder } from '../../support/script';

const root = temporaryFolder();
let checkpoint: Checkpoint;
let bytes: Buffer;
beforeAll(async () => {
  checkpoint = await checkpointAt(8);
  bytes = Buffer.concat(encodeCheckpoint(checkpoint));
});

const REFUSED = ['ERR_FILE_FORMAT', 'ERR_FILE_HEADER', 'ERR_CKPT_VERSION'];

/** The code with which bytes are refused; undefined when they are read. */
function refusalOf(damaged: Uint8Array): string | undefined {
  try {
    decodeCheckpoint(damaged, 'a file');
    return undefined;
  } catch (error) {
    return (error as { code: string }).code;
  }
}

type Json = Record<string, unknown>;
type Change = (json: Json, metadata: Record<string, string>) => unknown;

/** With another description and metadata, and a right checksum: a file that somebody made. */
function forged(change: Change): Buffer {
  const { tensors, metadata } = readSafetensors(bytes, '');
  const json = JSON.parse(metadata.checkpoint);
  change(json, metadata);
  const parts = writeSafetensors(tensors, {
    ...metadata,
    checkpoint: JSON.stringify(json),
    sha256: '0'.repeat(64),
  });
  const made = Buffer.concat(parts);
  made.write(sha256(made), 8 + '{"__metadata__":{"sha256":"'.length);
  return made;
}

test('what is written is read, bit for bit', () => {
  expect(decodeCheckpoint(bytes, '')).toEqual(checkpoint);
  expect(checkpoint).toMatchObject({ epoch: 1, batch: 3, state: { step: 8 }, history: { epoch: [0] } });
  const odd = { ...checkpoint, means: { rows: 3, sums: Float64Array.of(0.1, -0) } };
  expect(decodeCheckpoint(Buffer.concat(encodeCheckpoint(odd)), '').means).toEqual(odd.means);
});

test('cut at any byte, or longer: refused', () => {
  for (let length = 0; length < bytes.length; length++)
    expect(REFUSED).toContain(refusalOf(bytes.subarray(0, length)));
  expect(refusalOf(Buffer.concat([bytes, Buffer.alloc(1)]))).toBe('ERR_FILE_FORMAT');
  figure('checkpoints cut', bytes.length);
});

test('any one bit flipped: refused', () => {
  // Every bit of the file.
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    bytes[bit >> 3] ^= 1 << (bit & 7);
    const code = refusalOf(bytes);
    bytes[bit >> 3] ^= 1 << (bit & 7);
    if (!code || !REFUSED.includes(code)) throw new Error(`bit ${bit}: ${code}`);
  }
  expect(refusalOf(bytes)).toBeUndefined();
  figure('bits flipped in checkpoints', bytes.length * 8);
});

test('of a newer version: its own code, with the fusor that reads it', () => {
  const newer = forged((_, metadata) => Object.assign(metadata, { version: '3', fusor: '9.8.7' }));
  expect(() => decodeCheckpoint(newer, 'a file')).toThrow(
    expect.objectContaining({
      code: 'ERR_CKPT_VERSION',
      message: expect.stringMatching(/version 3, written by fusor 9\.8\.7.*use fusor 9\.8\.7/),
    }),
  );
});

const without = (key: string) => (json: Json) => delete json[key];
const wrong = (key: string, value: unknown) => (json: Json) => {
  const path = key.split('.');
  const last = path.pop()!;
  path.reduce((at, part) => at[part] as Json, json)[last] = value;
};
test.each<[name: string, change: Change]>([
  ['another format', (_, metadata) => Object.assign(metadata, { format: 'fusor.model' })],
  ['no plan', without('plan')],
  ['no layers', wrong('plan.layers', 7)],
  ['a layer that is none', wrong('plan.layers', [null])],
  ['an unknown optimizer', wrong('plan.optimizer', { kind: 'lion' })],
  ['another optimizer', wrong('plan.optimizer', { kind: 'rmsprop' })],
  ['wider layers', wrong('plan.layers.0.outputs', 1e9)],
  ['no history', without('history')],
  ['epoch −1', wrong('epoch', -1)],
  ['a batch beyond the epoch', wrong('batch', 6)],
  ['step 1.5', wrong('step', 1.5)],
  ['a batch size of 0', wrong('batchSize', 0)],
  ['a seed of 2⁵³', wrong('seed', 2 ** 53)],
  ['a rate of text', wrong('learningRate', '0.1')],
  ['no config', wrong('config', [])],
  ['more metrics', wrong('plan.metrics', [{}, {}])],
])('forged, with a right checksum: %s', (_name, change) => {
  expect(refusalOf(forged(change))).toBe('ERR_FILE_FORMAT');
});

test('a history of other lengths', () => {
  const { history } = checkpoint;
  for (const key of ['epoch', 'seconds', 'memoryBytes'] as const) {
    const longer = { ...checkpoint, history: { ...history, [key]: [...history[key], 1] } };
    expect(refusalOf(Buffer.concat(encodeCheckpoint(longer)))).toBe('ERR_FILE_FORMAT');
  }
});

test('a million epochs are read as they were written', () => {
  const epochs = 1_000_000;
  const each = (value: (epoch: number) => number) =>
    Array.from({ length: epochs }, (_, epoch) => value(epoch));
  const history = {
    ...checkpoint.history,
    epoch: each((epoch) => epoch),
    seconds: each((epoch) => epoch / 7),
    memoryBytes: each((epoch) => 2 ** 40 + epoch),
    history: { loss: each((epoch) => 1 / (1 + epoch)) },
  };
  const read = decodeCheckpoint(Buffer.concat(encodeCheckpoint({ ...checkpoint, history })), '');
  for (const key of ['epoch', 'seconds', 'memoryBytes'] as const)
    expect(
      Buffer.from(Float64Array.from(read.history[key]).buffer).equals(
        Buffer.from(Float64Array.from(history[key]).buffer),
      ),
    ).toBe(true);
  expect(read.history.history.loss).toHaveLength(epochs);
});

test('what the version before wrote is read', () => {
  const file = join(__dirname, '../../support/checkpoints-of-before/version-1.safetensors');
  const before = decodeCheckpoint(readFileSync(file), file);
  expect(before).toMatchObject({
    epoch: 2,
    state: {
      step: 4,
      weights: [
        Float32Array.of(-0.1494135707616806, -0.9334650635719299),
        Float32Array.of(0.003931140527129173),
      ],
    },
    history: { epoch: [0, 1], history: { loss: [expect.any(Number), expect.any(Number)] } },
  });
  expect(before.history.seconds).toHaveLength(2);
  expect(decodeCheckpoint(Buffer.concat(encodeCheckpoint(before)), '')).toEqual(before);
});

test('a damaged newest checkpoint is passed over, and said; named itself, the one before is offered', async () => {
  const folder = join(root, 'run', 'checkpoints');
  mkdirSync(folder, { recursive: true });
  const older = join(folder, 'step-000000004.safetensors');
  const newest = join(folder, 'step-000000008.safetensors');
  writeFileSync(older, Buffer.concat(encodeCheckpoint(await checkpointAt(4))));
  writeFileSync(newest, bytes);
  expect(await findCheckpoint(join(root, 'run'))).toMatchObject({ file: newest, damaged: [] });
  writeFileSync(newest, bytes.subarray(0, bytes.length - 1));
  const found = await findCheckpoint(folder);
  expect(found).toMatchObject({ file: older, checkpoint: { state: { step: 4 } } });
  expect(found!.damaged).toMatchObject([{ code: 'ERR_FILE_FORMAT', details: { file: newest } }]);
  expect(await failure(loadCheckpoint(newest))).toMatchObject({
    code: 'ERR_FILE_FORMAT',
    message: expect.stringContaining(`the one before is ${older}`),
    details: { before: older },
  });
  writeFileSync(older, '');
  expect(await failure(loadCheckpoint(folder))).toMatchObject({ details: { file: newest } });
});

test('a checkpoint is a model, too', async () => {
  const file = join(root, 'best-000000008.safetensors');
  writeFileSync(file, bytes);
  const model = await loadModel(file);
  expect((await model.getWeights()).map(({ data }) => data)).toEqual(checkpoint.state.weights);
  expect(model.weightNames).toEqual(modelWith().weightNames);
  expect(await failure(loadModel(join(root, 'none.safetensors')))).toMatchObject({ code: 'ERR_FILE_FORMAT' });
});
