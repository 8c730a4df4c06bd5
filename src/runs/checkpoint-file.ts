/**
 * A checkpoint as one safetensors file: weights under their names in the model, the optimiser's slots as
 * `optimizer:m/dense/kernel`, the history so far, and the rest as JSON in the metadata. Its first metadata entry is a
 * sha256 of the whole file, those 64 characters read as zeros: no bit of it can change unseen.
 */
import { createHash } from 'node:crypto';
import { parametersOf, slotsOf } from '../backend/contract';
import { FusorError } from '../errors';
import { readWhole, withFile } from '../files/read-file';
import { refused } from '../files/refused';
import { readSafetensors, type Tensor, type TensorFile, writeSafetensors } from '../files/safetensors';
import type { Checkpoint } from '../train/checkpoint';
import { version } from '../version';
import { checkedFields, type Fields } from './checkpoint-fields';

const CHECKPOINT_FORMAT = 'fusor.checkpoint';
/** Raised when a reader of the one before could go wrong on it. */
const CHECKPOINT_VERSION = 2;
/** Version 1 had the numbers of the epochs as JSON. */
const READABLE = ['1', '2'];

/** After the 8 bytes of the header's length. */
const BEFORE_DIGEST = Buffer.from('{"__metadata__":{"sha256":"');
const DIGEST_BEGIN = 8 + BEFORE_DIGEST.length;
const DIGEST_END = DIGEST_BEGIN + 64;
const NO_DIGEST = '0'.repeat(64);

/** The parts of the file, to be written one after the other. */
export function encodeCheckpoint(checkpoint: Checkpoint): Uint8Array[] {
  const { state, means, history, bestWeights, ...fields } = checkpoint;
  const { step, weights, slots } = state;
  const { history: epochs, stepLosses, epoch, seconds, memoryBytes, ...times } = history;
  const tensors = new Map<string, Tensor>();
  parametersOf(checkpoint.plan).forEach(({ layer, kind, shape }, p) => {
    tensors.set(`${layer}/${kind}`, { data: weights[p], shape });
    bestWeights?.forEach((best, i) => {
      if (best) tensors.set(`${bestPrefix(i)}${layer}/${kind}`, { data: best[p], shape });
    });
    slotsOf(checkpoint.plan.optimizer).forEach((slot, s) => {
      tensors.set(`optimizer:${slot}/${layer}/${kind}`, { data: slots[s][p], shape });
    });
  });
  tensors.set('means:sums', { data: means.sums, shape: [means.sums.length] });
  tensors.set('steps:loss', { data: stepLosses, shape: [stepLosses.length] });
  const lists = { ...prefixed('epochs:', epochs), ...prefixed('each:', { epoch, seconds, memoryBytes }) };
  for (const [name, values] of Object.entries(lists))
    tensors.set(name, { data: Float64Array.from(values), shape: [values.length] });
  const json: Fields = { step, ...fields, means: { rows: means.rows }, history: times };
  const parts = writeSafetensors(tensors, {
    sha256: NO_DIGEST,
    format: CHECKPOINT_FORMAT,
    version: String(CHECKPOINT_VERSION),
    fusor: version,
    checkpoint: JSON.stringify(json),
  });
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  Buffer.from(parts[0].buffer, parts[0].byteOffset).write(hash.digest('hex'), DIGEST_BEGIN, 'latin1');
  return parts;
}

const prefixed = (prefix: string, lists: Record<string, readonly number[]>) =>
  Object.fromEntries(Object.entries(lists).map(([name, values]) => [prefix + name, values]));

/** @throws ERR_FILE_FORMAT, ERR_FILE_HEADER, ERR_CKPT_VERSION, ERR_DTYPE_UNSUPPORTED, ERR_IO */
export async function readCheckpoint(file: string): Promise<Checkpoint> {
  const missing = () => refused(file, 'missing', 'no such checkpoint', 'check the path');
  return decodeCheckpoint(await readWhole(file, missing), file);
}

/** Whether a file begins as checkpoints do. @throws ERR_FILE_FORMAT where there is none, ERR_IO */
export function isCheckpoint(file: string): Promise<boolean> {
  const missing = () => refused(file, 'missing', 'no such model file', 'check the path');
  return withFile(file, missing, async ({ size, read }) =>
    BEFORE_DIGEST.equals(await read(Math.min(8, size), Math.min(DIGEST_BEGIN, size))),
  );
}

/** @param file names it in errors */
export function decodeCheckpoint(bytes: Uint8Array, file: string): Checkpoint {
  checkDigest(bytes, file);
  const { tensors, metadata } = readSafetensors(bytes, file);
  checkVersion(metadata, file);
  const take = taker(tensors, file);
  const lists =
    metadata.version === '1' ? undefined : (name: string) => Array.from(take(`each:${name}`, Float64Array));
  const { step, means, history, ...fields } = checkedFields(
    metadata.checkpoint,
    (what) => refused(file, 'fields', what, 'take another checkpoint'),
    lists,
  );
  const parameters = parametersOf(fields.plan);
  const floats = (prefix = '') =>
    parameters.map(({ layer, kind, shape }) => take(`${prefix}${layer}/${kind}`, Float32Array, shape));
  const weights = floats();
  const slots = slotsOf(fields.plan.optimizer).map((slot) => floats(`optimizer:${slot}/`));
  const best = bestOf([...tensors.keys()], floats);
  const sums = take('means:sums', Float64Array, [fields.plan.metrics.length + 1]);
  const stepLosses = take('steps:loss', Float32Array);
  const names = [...tensors.keys()].filter((name) => name.startsWith('epochs:'));
  const finished = [history.epoch.length];
  const values = names.map((name) => [name.slice(7), Array.from(take(name, Float64Array, finished))]);
  if (take.count() !== tensors.size)
    throw refused(
      file,
      'tensors',
      'it holds tensors that are not of its training',
      'take another checkpoint',
    );
  return {
    ...fields,
    ...(best.length > 0 && { bestWeights: best }),
    state: { step, weights, slots },
    means: { ...means, sums },
    history: { ...history, history: Object.fromEntries(values), stepLosses },
  };
}

/** Of the weights that the callback of number `i` keeps. */
const bestPrefix = (i: number) => (i === 0 ? 'best:' : `best${i}:`);

/** Of each callback that may keep weights. @param names of all tensors */
function bestOf(names: readonly string[], floats: (prefix: string) => Float32Array[]) {
  const kept = new Set(names.flatMap((name) => /^best(\d{0,3}):/.exec(name)?.slice(1) ?? []).map(Number));
  const count = Math.max(-1, ...kept) + 1;
  return Array.from({ length: count }, (_, i) => (kept.has(i) ? floats(bestPrefix(i)) : undefined));
}

function checkDigest(bytes: Uint8Array, file: string): void {
  const begins = BEFORE_DIGEST.equals(bytes.subarray(8, DIGEST_BEGIN));
  if (!begins || bytes.length < DIGEST_END)
    throw refused(file, 'format', 'not a checkpoint of fusor, or a damaged one', 'name another');
  const stated = Buffer.from(bytes.subarray(DIGEST_BEGIN, DIGEST_END)).toString('latin1');
  const hash = createHash('sha256').update(bytes.subarray(0, DIGEST_BEGIN));
  const digest = hash.update(NO_DIGEST).update(bytes.subarray(DIGEST_END)).digest('hex');
  if (digest !== stated)
    throw refused(file, 'digest', 'its checksum is wrong: it is damaged', 'take another checkpoint');
}

function checkVersion({ format, version: stated, fusor }: Record<string, string>, file: string): void {
  if (format !== CHECKPOINT_FORMAT)
    throw refused(file, 'format', `not a checkpoint: its format is ${String(format)}`, 'name another');
  if (READABLE.includes(stated)) return;
  throw new FusorError(
    'ERR_CKPT_VERSION',
    [
      `a checkpoint of version ${stated}, written by fusor ${fusor}; this one, ${version}, reads ${READABLE.join(' and ')}`,
      file,
      `use fusor ${fusor}`,
    ],
    { file, version: stated, fusor: fusor ?? null },
  );
}

type FloatArray = typeof Float32Array | typeof Float64Array;

/** Copies tensors out: they do not keep the whole file in memory. */
function taker(tensors: TensorFile['tensors'], file: string) {
  const taken = new Set<string>();
  const take = <T extends FloatArray>(name: string, Type: T, shape?: readonly number[]): InstanceType<T> => {
    const tensor = tensors.get(name);
    if (!tensor) throw refused(file, 'tensors', `the tensor ${name} is missing`, 'take another checkpoint');
    const wrongShape = shape ? String(tensor.shape) !== String(shape) : tensor.shape.length !== 1;
    if (wrongShape || tensor.data[Symbol.toStringTag] !== Type.name)
      throw refused(
        file,
        'tensors',
        `the tensor ${name} has another type or shape`,
        'take another checkpoint',
      );
    taken.add(name);
    return tensor.data.slice() as InstanceType<T>;
  };
  return Object.assign(take, { count: () => taken.size });
}
