/**
 * WebAssembly's memory ends at 4 GiB. There malloc gives 0, which TensorFlow.js takes for an address: it would go on, and
 * overwrite the tensors that lie there. Or, from some states on, it gives an address whose block would end beyond.
 */
import { FusorError } from '../../errors';
import { bytesText } from '../../memory';
import { stateSize, type TrainPlan } from '../contract';

const MOST = 2 ** 32;
const CURE = 'take --backend native or --tfjs-engine node, fewer units, or a smaller batchSize';

/** Why a plan has no room there, null when it may have: weights and optimiser slots lie in it together. */
export function wasmHindrance(plan: TrainPlan): string | null {
  const bytes = 4 * stateSize(plan);
  if (bytes < MOST) return null;
  return `the weights and the state of the optimizer take ${bytesText(bytes)}, WebAssembly has ${bytesText(MOST)}`;
}

/** Of the Emscripten module in TensorFlow.js' backend. */
export interface Wasm {
  _malloc(bytes: number): number;
  _free(address: number): void;
  /** All of it; another one once it has grown. */
  HEAPU8: Uint8Array;
}

/** From now on what has no room throws ERR_OUT_OF_MEMORY, and what was there stays as it is. */
export function guardWasmMemory(wasm: Wasm): void {
  let malloc = wasm._malloc;
  const guarded = (bytes: number): number => {
    // What is longer would be taken modulo 2³².
    const address = bytes < MOST ? malloc(bytes) : 0;
    // As a signed number where it lies in the upper half.
    const end = (address >>> 0) + bytes;
    if (bytes === 0 || (address !== 0 && end <= wasm.HEAPU8.length)) return address;
    const what = `${bytesText(bytes)} more are not to be had of the ${bytesText(MOST)} that WebAssembly has`;
    throw new FusorError('ERR_OUT_OF_MEMORY', [what, 'tfjs on wasm', CURE], { needed: bytes });
  };
  // At its first call Emscripten's malloc puts another into its own place.
  Object.defineProperty(wasm, '_malloc', {
    get: () => guarded,
    set: (other) => {
      malloc = other;
    },
  });
}
