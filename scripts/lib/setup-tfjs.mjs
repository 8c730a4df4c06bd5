import { isOn } from './environment.mjs';
import { SetupError } from './failure.mjs';
import { say } from './say.mjs';
import { buildTfjs } from './tfjs-build.mjs';
import { tfjsStatus } from './tfjs-status.mjs';

/**
 * TensorFlow behind tfjs, for the tests: a download of 274 MB that training does not need. Where it cannot be had the
 * tests of that engine are left out, and the reason is said. FUSOR_SKIP_TENSORFLOW=1: it is not wanted.
 */
export async function setUpTfjs(env = process.env) {
  if (isOn(env.FUSOR_SKIP_TENSORFLOW) || tfjsStatus({ env }).upToDate) return;
  try {
    await buildTfjs({ env });
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    say(`fusor: TensorFlow is not set up, its tests are left out: ${error.message}`);
  }
}
