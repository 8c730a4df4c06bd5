/** How near a measurement comes to what the machine can give. */
import type { Ceilings } from '../backend/native/measure';
import { footprintOf, type Work } from './work';

export type { Ceilings };

export interface Share {
  /** Of the multiply-add peak of the fastest instruction set. */
  ofPeak: number;
  /** Of the nearer ceiling: operations, or bytes through the level that holds them. */
  ofCeiling: number;
  /** Which that is: 'compute' or a level ('L2', 'memory'). */
  nearest: string;
  /** The same, but 'latency' where less than a tenth of it is had. */
  bound: string;
}

export function shareOf(work: Work, seconds: number, ceilings: Ceilings): Share {
  const { flops, read, written } = work;
  const compute = flops / Math.max(...Object.values(ceilings.flops));
  const level = ceilings.bandwidths.find(({ bytes }) => bytes === 0 || bytes >= footprintOf(work))!;
  // What is both read and written goes at the pace of an update; the rest at that of reading, or of writing as an update has it.
  const both = Math.min(read, written);
  const transfer =
    (2 * both + Math.max(0, written - read)) / level.update + Math.max(0, read - both) / level.read;
  const floor = Math.max(compute, transfer);
  const nearest = compute >= transfer ? 'compute' : level.level;
  return {
    ofPeak: compute / seconds,
    ofCeiling: floor / seconds,
    nearest,
    bound: floor < seconds / 10 ? 'latency' : nearest,
  };
}
