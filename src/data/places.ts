/** Where other programs keep data sets. */
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

/** Keras' downloads. */
export function kerasFolder(env: NodeJS.ProcessEnv = process.env): string {
  return join(env.KERAS_HOME || join(homedir(), '.keras'), 'datasets');
}

/** What the examples of torchvision take as its root, and tutorials as their folder of data. */
export function hereFolder(): string {
  return resolve('data');
}

/** Where Debian's packages dataset-… put theirs. */
export const DEBIAN_FOLDER = '/usr/share/datasets';

/** `folder` of an installed npm package; nothing when it is not installed. */
export function packageFolder(name: string, folder: string): string[] {
  try {
    return [join(dirname(require.resolve(`${name}/package.json`)), folder)];
  } catch {
    return [];
  }
}
