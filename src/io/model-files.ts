/** Reads the two files of a model folder and checks what can be checked of each by itself. */
import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { extname } from 'node:path';
import { sha256 } from '../data/digests';
import { FusorError } from '../errors';
import { readSafetensors, type Tensor, type TensorData } from './safetensors';
import { ioError, systemCode } from './system-error';

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
/** Formats that hold code, or can: never read, whatever their content. */
const CODE_FORMATS = ['.pt', '.pth', '.bin', '.pkl', '.pickle', '.ckpt', '.joblib'];

/** sha256 over the bytes of tensors, in the order given. */
export function bodyDigest(parts: readonly TensorData[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(new Uint8Array(part.buffer, part.byteOffset, part.byteLength));
  return hash.digest('hex');
}

/** @throws ERR_FILE_HEADER, ERR_FILE_FORMAT, ERR_DTYPE_UNSUPPORTED, ERR_IO */
export async function readWeightsFile(file: string): Promise<WeightsFile> {
  const { tensors, metadata, body } = readSafetensors(await read(file), file);
  checkDigest(file, 'tensors', metadata.sha256, () => sha256(body));
  checkDigest(file, 'configuration', metadata.configSha256, () => sha256(metadata.config ?? ''));
  if (metadata.configSha256 !== undefined) checkVersion(file, metadata.format, Number(metadata.version));
  return { file, tensors, metadata, config: metadata.config };
}

/** model.json as saveModel writes it, or a bare configuration. @throws ERR_FILE_FORMAT, ERR_IO */
export async function readConfigFile(file: string): Promise<ConfigFile> {
  const bytes = await read(file, MAX_CONFIG);
  let json: Record<string, unknown>;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    const why = error instanceof Error ? error.message.split('\n')[0] : String(error);
    throw refused(file, 'json', `not JSON (${why})`, 'take another copy', error);
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    throw refused(file, 'json', 'not a JSON object', 'name a model.json of fusor');
  }
  if (json.className === 'Sequential') return { config: json, intact: false };
  checkVersion(file, json.format, json.version);
  const intact =
    typeof json.sha256 === 'string' && json.sha256 === sha256(JSON.stringify(json.config ?? null));
  return { config: json.config, intact };
}

function checkVersion(file: string, format: unknown, version: unknown): void {
  if (format !== 'fusor.model') {
    throw refused(
      file,
      'format',
      `not a model of fusor: its format is ${String(format)}`,
      'name a model of fusor',
    );
  }
  if (version !== 1) {
    throw refused(
      file,
      'version',
      `a model of version ${String(version)}; this fusor reads 1`,
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

function refused(file: string, rule: string, what: string, mend: string, cause?: unknown): FusorError {
  return new FusorError('ERR_FILE_FORMAT', [what, file, mend], { file, rule }, { cause });
}

async function read(file: string, limit = Number.MAX_SAFE_INTEGER): Promise<Uint8Array> {
  if (CODE_FORMATS.includes(extname(file).toLowerCase())) {
    throw refused(file, 'code', 'this format can run code and is never read', 'convert it to safetensors');
  }
  try {
    const { size } = await stat(file);
    if (size > limit)
      throw refused(file, 'size', `${size} bytes, more than the ${limit} allowed`, 'name another');
    return await readFile(file);
  } catch (error) {
    if (error instanceof FusorError) throw error;
    if (!['ENOENT', 'ENOTDIR', 'EISDIR'].includes(systemCode(error))) throw ioError(error, 'read', file);
    throw refused(file, 'missing', 'no such model file', 'name the folder of a saved model', error);
  }
}
