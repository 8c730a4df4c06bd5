/** Runs in the child of probe.ts: requires a module, calls its probeHere() and sends what it found. */
import type { Availability } from './contract';

const send = (message: { availability: Availability } | { error: string }): void => {
  process.send?.(message);
};

// A parent that is gone needs no answer.
process.on('disconnect', () => process.exit(0));

async function probe(modulePath: string): Promise<void> {
  const { probeHere } = require(modulePath) as { probeHere(): Promise<Availability> };
  send({ availability: await probeHere() });
}

probe(process.argv[2]).catch((error: unknown) => send({ error: String((error as Error)?.message ?? error) }));
