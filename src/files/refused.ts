/** Formats that are never read, or not by this fusor, whatever their content: told by name and by first bytes. */
import { existsSync } from 'node:fs';
import { dirname, extname, join } from 'node:path';
import { type ErrorDetails, FusorError } from '../errors';

type Verdict = readonly [what: string, mend: string];

const CODE = 'this format can run code and is never read';
const TORCH: Verdict = [
  CODE,
  "convert it in Python: safetensors.torch.save_file(torch.load(FILE, weights_only=True), 'weights.safetensors')",
];
const PICKLE: Verdict = [CODE, 'convert it in Python to safetensors, where you trust who made it'];
const SAVED_MODEL: Verdict = [
  CODE,
  'convert it: tensorflowjs_converter --input_format=keras_saved_model --output_format=tfjs_layers_model SRC DST',
];
const HDF5: Verdict = [
  'HDF5 of Keras 2 is not read',
  "save it with Keras 3 as .keras: keras.models.load_model(FILE).save('model.keras')",
];
const KERAS_WEIGHTS: Verdict = [
  'these are weights without their model',
  'name the model with --model (convert), or load them into one: loadWeights(model, FILE)',
];
const SHARD: Verdict = ['these are weights alone', 'name the model.json beside them'];
const ONNX: Verdict = ['ONNX is not read by this fusor', 'take the model that it was exported from'];

const BY_EXTENSION: Record<string, Verdict> = {
  '.pt': TORCH,
  '.pth': TORCH,
  '.bin': TORCH,
  '.ckpt': TORCH,
  '.torchscript': TORCH,
  '.pkl': PICKLE,
  '.pickle': PICKLE,
  '.joblib': PICKLE,
  '.pb': SAVED_MODEL,
  '.h5': HDF5,
  '.hdf5': HDF5,
  '.onnx': ONNX,
};

/** Whether a name is that of such a format by its end. */
export function isRefusedName(path: string): boolean {
  return Object.hasOwn(BY_EXTENSION, extname(path).toLowerCase());
}

/** @throws ERR_FILE_FORMAT for a name that belongs to such a format, and for the folder of a SavedModel */
export function refuseByName(path: string): void {
  const end = extname(path).toLowerCase();
  if (path.toLowerCase().endsWith('.weights.h5')) throw refusal(path, KERAS_WEIGHTS);
  const verdict = isRefusedName(path)
    ? end === '.bin' && existsSync(join(dirname(path), 'model.json'))
      ? SHARD
      : BY_EXTENSION[end]
    : ['saved_model.pb', 'saved_model.pbtxt'].some((name) => existsSync(join(path, name)))
      ? SAVED_MODEL
      : undefined;
  if (verdict) throw refusal(path, verdict);
}

/** @throws ERR_FILE_FORMAT for bytes that such a format begins with */
export function refuseByContent(head: Uint8Array, path: string): void {
  const text = Buffer.from(head.subarray(0, 64)).toString('latin1');
  if (text.startsWith('PK\x03\x04')) throw refusal(path, text.includes('.pkl') ? TORCH : [ZIP, TORCH[1]]);
  if (head[0] === 0x80 && head[1] >= 2 && head[1] <= 5) throw refusal(path, PICKLE);
  if (text.startsWith('\x89HDF\r\n\x1a\n')) throw refusal(path, HDF5);
}

const ZIP = 'a zip archive, as PyTorch and Keras write; it can hold code and is never read';

function refusal(path: string, [what, mend]: Verdict): FusorError {
  const rule = what === CODE || what === ZIP ? 'code' : 'unsupported';
  return refused(path, rule, what, mend);
}

/** ERR_FILE_FORMAT with the rule that was broken. */
export function refused(
  file: string,
  rule: string,
  what: string,
  mend: string,
  details: ErrorDetails = {},
  cause?: unknown,
): FusorError {
  return new FusorError('ERR_FILE_FORMAT', [what, file, mend], { ...details, file, rule }, { cause });
}
