import type { Availability } from '../../contract';
import { probeEngine } from './probing';

export async function probeHere(): Promise<Availability> {
  return { candidates: [await probeEngine('wasm'), await probeEngine('cpu')] };
}
