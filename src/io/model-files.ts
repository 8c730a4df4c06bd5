/** Reads the two files of a model folder and checks what can be checked of each by itself. */
import { createHash } from 'node:crypto';
import { extname } from 'node:path';
import { sha256 } from '../data/digests';
import { isObject, JsonFault, parseJson } from '../files/json';
import { withFile } from '../files/read-file';
import { refuseByContent, refuseByName, refused } from '../files/refused';
import { readSafetensorsFile, type Tensor, type TensorData } from '../files/safetensors';
import { version } from '../version';

export interface WeightsFile {
  file: string;
  tensors: Map<string, Tensor>;
  metadata: Record<string, string>;
  /** JSON of the model's configuration, its digest checked; absent in files of other makers. */
  config?: string;
}

export interface ConfigFile {
  config: unknown;
  /** It carries a digest of its configuration, and that is right. */
  intact: boolean;
}

const MAX_CONFIG = 16 << 20;

export const MODEL_FORMAT = 'fusor.model';
export const MODEL_VERSION = 1;
/** What each file of ours begins with. */
export const HEAD = { format: MODEL_FORMAT, version: MODEL_VERSION, fusor: version };

/** sha256 over the bytes of tensors, in the order given. */
export function bodyDigest(parts: readonly TensorData[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(new Uint8Array(part.buffer, part.byteOffset, part.byteLength));
  return hash.digest('hex');
}

/** @throws ERR_FILE_HEADER, ERR_FILE_FORMAT, ERR_DTYPE_UNSUPPORTED, ERR_IO */
export async function readWeightsFile(file: string): Promise<WeightsFile> {
  refuseByName(file);
  const { tensors, metadata, body } = await withFile(file, missing(file), readSafetensorsFile);
  return checkedWeights(file, { tensors, metadata, body });
}

/** What the metadata say of the tensors and of the configuration must be so. */
export function checkedWeights(
  file: string,
  {
    tensors,
    metadata,
    body,
  }: { tensors: Map<string, Tensor>; metadata: Record<string, string>; body: Uint8Array },
): WeightsFile {
  checkDigest(file, 'tensors', metadata.sha256, () => sha256(body));
  checkDigest(file, 'configuration', metadata.configSha256, () => sha256(metadata.config ?? ''));
  if (metadata.configSha256 !== undefined) checkVersion(file, metadata.format, Number(metadata.version));
  return { file, tensors, metadata, config: metadata.config };
}

/** Any model.json, as an object. @throws ERR_FILE_FORMAT, ERR_IO */
export async function readJsonFile(file: string): Promise<Record<string, unknown>> {
  refuseByName(file);
  return withFile(file, missing(file), async ({ size, read }) => {
    refuseByContent(await read(0, Math.min(size, 64)), file);
    if (size > MAX_CONFIG)
      throw refused(file, 'size', `${size} bytes, more than the ${MAX_CONFIG} allowed`, 'name another');
    // What is called otherwise was hardly ever a model.json.
    const isJson = extname(file).toLowerCase() === '.json';
    const mend = isJson ? COPY : "name a run, a model's folder, or a file of a model in its place";
    return objectOf(await read(0, size), file, mend);
  });
}

const COPY = 'take another copy';

export function objectOf(bytes: Uint8Array, file: string, mend = COPY): Record<string, unknown> {
  let json: unknown;
  try {
    json = parseJson(bytes);
  } catch (error) {
    if (!(error instanceof JsonFault)) throw error;
    throw refused(file, error.rule, error.message, mend, {}, error);
  }
  if (isObject(json)) return json;
  throw refused(file, 'json', 'not a JSON object', 'name a model.json');
}

/** model.json as saveModel writes it, or a bare configuration. @throws ERR_FILE_FORMAT */
export function configOf(json: Record<string, unknown>, file: string): ConfigFile {
  if (json.className === 'Sequential') return { config: json, intact: false };
  checkVersion(file, json.format, json.version);
  const intact =
    typeof json.sha256 === 'string' && json.sha256 === sha256(JSON.stringify(json.config ?? null));
  return { config: json.config, intact };
}

function checkVersion(file: string, format: unknown, stated: unknown): void {
  if (format !== MODEL_FORMAT) {
    throw refused(
      file,
      'format',
      `not a model of fusor or TensorFlow.js: its format is ${format === undefined ? 'not told' : String(format).slice(0, 60)}`,
      'name a model of one of them',
    );
  }
  if (stated !== MODEL_VERSION) {
    throw refused(
      file,
      'version',
      `a model of version ${String(stated).slice(0, 60)}; this fusor reads ${MODEL_VERSION}`,
      'use a newer fusor',
    );
  }
}

function checkDigest(file: string, what: string, stated: string | undefined, compute: () => string): void {
  if (stated === undefined || stated === compute()) return;
  throw refused(
    file,
    'digest',
    `the checksum of its ${what} is wrong`,
    'the file is damaged: take another copy',
  );
}

/** Where there is no file; `mend` by what it was to be. */
export const missing =
  (file: string, mend = 'name the folder of a saved model') =>
  (cause: unknown) =>
    refused(file, 'missing', 'no such model file', mend, {}, cause);
