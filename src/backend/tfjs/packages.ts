import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { cacheFolder } from '../../cache-folder';

export type NodeEngine = 'node-gpu' | 'node';

/** A package that brings TensorFlow's library into Node. */
export interface TensorFlowPackage {
  /** e.g. '@tensorflow/tfjs-node'. */
  name: string;
  /** What to require. */
  entry: string;
  /** The CUDA version that its TensorFlow was built for; null for a CPU build. */
  cuda: string | null;
}

/** What `npm install` brings: TensorFlow 2.9.1. */
const NPM_CUDA: Record<NodeEngine, string | null> = { 'node-gpu': '11.2', node: null };

/**
 * The package for an engine: what `fusor tfjs` set up in the cache folder, else what the user installed with npm. With
 * its GPUs hidden the GPU package runs TensorFlow on the CPU. Null when there is none; loads nothing.
 */
export function findPackage(engine: NodeEngine): TensorFlowPackage | null {
  const names: NodeEngine[] = engine === 'node' ? ['node', 'node-gpu'] : ['node-gpu'];
  for (const name of names) {
    const found = inCache(name) ?? installed(name);
    if (found) return found;
  }
  return null;
}

/** The folder is complete when it is there: it gets its name by a rename. */
function inCache(engine: NodeEngine): TensorFlowPackage | null {
  const folder = join(cacheFolder(), 'tfjs', engine);
  try {
    const record: { package: string; cuda?: string | null } = JSON.parse(
      readFileSync(join(folder, 'fusor.json'), 'utf8'),
    );
    const entry = createRequire(join(folder, 'package.json')).resolve(record.package);
    return { name: record.package, entry, cuda: record.cuda ?? null };
  } catch {
    return null;
  }
}

/** Our own set-up, and npm from version 12 on, leave out the install script that fetches the binding. */
function installed(engine: NodeEngine): TensorFlowPackage | null {
  const name = `@tensorflow/tfjs-${engine}`;
  try {
    const home = dirname(require.resolve(`${name}/package.json`));
    if (!existsSync(join(home, 'lib', 'napi-v8', 'tfjs_binding.node'))) return null;
    return { name, entry: require.resolve(name), cuda: NPM_CUDA[engine] };
  } catch {
    return null;
  }
}
