/** The functions of scripts/ that the command line shares with setup. They are plain ES modules, not compiled. */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { packageRoot } from '../version';

/** A libtorch that was found. */
export interface Libtorch {
  path: string;
  version: string;
  variant: string;
  source?: string;
}

export interface NativeStatus {
  built: boolean;
  addon: string;
  record: (Libtorch & Record<string, unknown>) | null;
  upToDate: boolean;
  problems: string[];
}

interface NativeScripts {
  findLibtorch(options?: { libtorch?: string }): Promise<Libtorch>;
  fetchLibtorch(options?: { variant?: string }): Promise<Libtorch>;
  buildNative(options?: { libtorch?: string; force?: boolean }): Promise<Libtorch>;
  nativeStatus(): NativeStatus;
  cleanNative(): string[];
}

export function nativeScripts(): Promise<NativeScripts> {
  return import(pathToFileURL(join(packageRoot, 'scripts', 'build-native.mjs')).href);
}

/** What `fusor tfjs` set up, as in fusor.json beside it. */
export interface TfjsRecord {
  /** e.g. '@tensorflow/tfjs-node'. */
  package: string;
  packageVersion: string;
  /** npm's own install, or built here. */
  way: 'npm' | 'build';
  binding: string;
  /** TensorFlow's version. */
  version: string;
  /** Absent where TensorFlow does not tell. */
  cuda?: string | null;
  /** Where TensorFlow lies; absent for npm's own. */
  path?: string;
}

export interface TfjsStatus {
  engine: 'node' | 'node-gpu';
  folder: string;
  built: boolean;
  record: TfjsRecord | null;
  upToDate: boolean;
  problems: string[];
}

interface TfjsScripts {
  buildTfjs(options?: { gpu?: boolean; tensorflow?: string; force?: boolean }): Promise<TfjsRecord>;
  installTfjs(options?: { gpu?: boolean; tensorflow?: string; force?: boolean }): Promise<TfjsRecord>;
  tfjsStatus(options?: { gpu?: boolean }): TfjsStatus;
  cleanTfjs(): string[];
}

export function tfjsScripts(): Promise<TfjsScripts> {
  return import(pathToFileURL(join(packageRoot, 'scripts', 'build-tfjs.mjs')).href);
}

/** e.g. "tfjs-node 4.22.0 on TensorFlow 2.21.0 (CPU) at …". */
export function describeTfjs({ package: name, packageVersion, version, cuda, path }: TfjsRecord): string {
  const build = cuda === undefined ? '' : cuda === null ? ' (CPU)' : ` (CUDA ${cuda})`;
  const place = path ? ` at ${path}` : ', as npm installs it';
  return `${name.slice('@tensorflow/'.length)} ${packageVersion} on TensorFlow ${version}${build}${place}`;
}

/** What `fusor bench train` takes; the defaults are the script's. */
export interface TrainBench {
  peers?: string;
  repetitions?: number;
  epochs?: number;
  threads?: number;
  layers?: string;
  batchSize?: number;
  net?: string;
  steps?: number;
  save?: boolean;
}

interface BenchScripts {
  benchTrain(options: TrainBench): Promise<{ rows: object[] }>;
  markdownOf(document: object): string;
}

export function benchScripts(): Promise<BenchScripts> {
  return import(pathToFileURL(join(packageRoot, 'scripts', 'bench', 'train.mjs')).href);
}
