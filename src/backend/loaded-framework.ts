import { readFileSync } from 'node:fs';

/** Of each framework, a library that is in memory wherever it runs. */
const LIBRARIES = { libtorch: /\/libtorch(_cpu)?\.so/, libtensorflow: /\/libtensorflow[^/\n]*\.so/ };

/**
 * The framework that this process has loaded already, in whatever thread or realm, or by whomever; null where there is none, or
 * the system does not say (only Linux does).
 */
export function loadedFramework(): string | null {
  try {
    const maps = readFileSync('/proc/self/maps', 'latin1');
    return Object.entries(LIBRARIES).find(([, library]) => library.test(maps))?.[0] ?? null;
  } catch {
    return null;
  }
}
