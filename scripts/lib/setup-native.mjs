import { skipsNative } from './environment.mjs';
import { SetupError } from './failure.mjs';
import { fetchLibtorch } from './fetch-libtorch.mjs';
import { searchLibtorch } from './libtorch.mjs';
import { buildNative, checkTools } from './native-build.mjs';
import { nativeStatus } from './native-status.mjs';
import { say } from './say.mjs';

/**
 * Builds the native backend when its inputs changed; finds libtorch first, fetches it when there is none.
 * Without it fusor still trains, on TensorFlow.js: then two lines say why and how to mend it. `strict` (tests) makes
 * a failure fail, unless FUSOR_SKIP_NATIVE=1 said that no native backend is wanted.
 */
export async function setUpNative({ strict = false, env = process.env } = {}) {
  if (skipsNative(env)) {
    say('fusor: FUSOR_SKIP_NATIVE is set: the native backend is not built');
    say('fusor: training runs on TensorFlow.js; unset it and run `npm run setup` for the native backend');
    return;
  }
  if (nativeStatus(env).upToDate) return;
  try {
    checkTools(env);
    await buildNative({ env, found: await provideLibtorch(env) });
  } catch (error) {
    if (!(error instanceof SetupError) || strict) throw error;
    say(`fusor: no native backend: ${error.message}`);
    say('fusor: training runs on TensorFlow.js meanwhile; `npm run setup` tries again');
  }
}

async function provideLibtorch(env) {
  const { found } = await searchLibtorch({ env });
  if (found) return found;
  try {
    return await fetchLibtorch({ env });
  } catch (error) {
    // A CPU build at hand was passed over for a CUDA build that cannot be had: better than none, and said.
    const { found: other } = await searchLibtorch({ env, anyVariant: true });
    if (!other || !(error instanceof SetupError)) throw error;
    say(`fusor: ${error.message}; taking the ${other.variant} build at ${other.path}`);
    return other;
  }
}
