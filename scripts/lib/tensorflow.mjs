import { existsSync } from 'node:fs';
import { SetupError } from './failure.mjs';
import { cachedTensorflow, fetchTensorflow } from './fetch-tensorflow.mjs';
import { inspectTensorflow } from './inspect-tensorflow.mjs';
import { packageFolder } from './python.mjs';
import { say } from './say.mjs';

/**
 * TensorFlow's libraries to build against: `tensorflow` or TENSORFLOW_DIR, our cache, a `python3` that has it, else the
 * pip wheel is fetched. What was asked for by name is taken or is an error; the rest is passed over, and why is said.
 *
 * @param {{tensorflow?: string, gpu?: boolean, env?: NodeJS.ProcessEnv}} options gpu: it must be a CUDA build
 */
export async function provideTensorflow({ tensorflow, gpu = false, env = process.env } = {}) {
  const named = tensorflow ?? (env.TENSORFLOW_DIR || null);
  if (named) return byName(named, tensorflow ? '--tensorflow' : 'TENSORFLOW_DIR', gpu);
  const cached = cachedTensorflow(gpu, env);
  const found =
    accept('cache', existsSync(cached) && cached, gpu) ??
    accept('python', await packageFolder('tensorflow', env), gpu);
  return found ?? fetchTensorflow({ gpu, env });
}

function byName(path, name, gpu) {
  try {
    const found = { source: name, ...inspectTensorflow(path) };
    if (!gpu || found.cuda !== null) return found;
    throw new SetupError('ERR_BACKEND_UNAVAILABLE', ['it is a CPU build']);
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    throw new SetupError('ERR_BACKEND_UNAVAILABLE', [
      `${name}=${path} is not a TensorFlow that fusor can use: ${error.message}`,
      path,
      "name the folder of Python's tensorflow package or of an unpacked libtensorflow, or leave it out",
    ]);
  }
}

function accept(source, folder, gpu) {
  if (!folder) return null;
  try {
    const found = { source, ...inspectTensorflow(folder) };
    if (!gpu || found.cuda) return found;
    say(`fusor: passed over the TensorFlow at ${folder}: it is a CPU build`);
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    say(`fusor: passed over the TensorFlow at ${folder}: ${error.message}`);
  }
  return null;
}
