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
