/** Runs in the child of probe.ts: requires a module, calls its probeHere() and sends what it found. */
import type { Candidate } from './contract';

const send = (message: { candidates: Candidate[] } | { error: string }): void => {
  process.send?.(message);
};

// A parent that is gone needs no answer.
process.on('disconnect', () => process.exit(0));

async function probe(modulePath: string, ...args: string[]): Promise<void> {
  const { probeHere } = require(modulePath) as { probeHere(...args: string[]): Promise<Candidate[]> };
  send({ candidates: await probeHere(...args) });
}

const [modulePath, ...args] = process.argv.slice(2);
probe(modulePath, ...args).catch((error: unknown) =>
  send({ error: String((error as Error)?.message ?? error) }),
);
