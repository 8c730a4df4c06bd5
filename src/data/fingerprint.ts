import { createHash } from 'node:crypto';
import type { Examples } from '../backend/contract';
import { type ExampleStream, isStream } from './row-source';

/** Rows that count: reading all would take longer than a short training. */
const SAMPLED = 256;

/**
 * Tells sets of rows apart: a digest of their numbers and of up to 256 rows, evenly spread. Rows in another order,
 * other labels or scales are seen; a single changed pixel may not be. A stream says itself what tells it apart.
 */
export function fingerprintOf(...parts: (Examples | ExampleStream | undefined)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) {
    hash.update(`${part?.rows ?? 'none'}\n`);
    if (!part) continue;
    if (isStream(part)) {
      hash.update(part.fingerprint);
      continue;
    }
    for (const values of [part.x, part.y, part.weights]) {
      hash.update(`${values?.[Symbol.toStringTag]} ${values?.length}\n`);
      if (!values) continue;
      const width = values.length / part.rows;
      const sampled = Math.min(SAMPLED, part.rows);
      for (let i = 0; i < sampled; i++) {
        const row = Math.floor((i * part.rows) / sampled);
        const { buffer, byteOffset, byteLength } = values.subarray(row * width, (row + 1) * width);
        hash.update(new Uint8Array(buffer, byteOffset, byteLength));
      }
    }
  }
  return hash.digest('hex');
}
