import { program, resultOf } from './program';

export const MOST_LEAKED = 1e6;
export const LEAST_SEEN = 1.5e6;

/** Bytes of RSS that 1,000 cycles or steps add. @param planted bytes to leak each time: the control */
export async function leakSlope(mode: 'cycles' | 'soak', count: number, planted = 0): Promise<number> {
  const env = planted ? { LEAK: String(planted) } : {};
  return resultOf(await program('leaks', [mode, count], { env, node: ['--expose-gc'], seconds: 3000 })).slope;
}
