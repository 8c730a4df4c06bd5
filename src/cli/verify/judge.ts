/** Who is right, and who is not. */

import { revived } from '../told-error';
import { differences, within } from './parity';
import { partingOf } from './parting';
import type { Verified } from './report';
import type { Trace } from './trace-files';
import { type Failure, failed, type Shapes, type Tracer } from './tracers';

interface Trained {
  tracer: Tracer;
  trace: Trace;
}

/** The one of that name, else the one that fewest of the others part from; the first among equals. */
export function referenceOf(traces: ReadonlyMap<Tracer, Trace | Failure>, name: string | undefined): Trained {
  const trained = [...traces].flatMap(([tracer, trace]) => (failed(trace) ? [] : [{ tracer, trace }]));
  // Nobody could train: the reason is the problem's.
  if (trained.length === 0) throw revived([...traces.values()][0] as Failure);
  const apart = trained.map(
    ({ trace }) => trained.filter((other) => !within(differences(other.trace, trace))).length,
  );
  const named = trained.find(({ tracer }) => tracer.name === name);
  return named ?? trained[apart.indexOf(Math.min(...apart))];
}

export async function judge(
  traces: ReadonlyMap<Tracer, Trace | Failure>,
  reference: Trained,
  shapes: Shapes,
  signal: AbortSignal,
): Promise<Verified[]> {
  const results: Verified[] = [];
  for (const [tracer, trace] of traces) {
    const { name } = tracer;
    if (failed(trace)) {
      const none = { ranOn: '', differences: null, parting: null, unrepeated: null };
      results.push({ name, ...none, error: trace.message, ok: false });
      continue;
    }
    const isReference = tracer === reference.tracer;
    const parting = isReference ? null : await partingOf({ tracer, trace }, reference, shapes, signal);
    const found = isReference ? null : differences(trace, reference.trace);
    const { ranOn, unrepeated } = trace;
    const ok = !parting && unrepeated === null;
    results.push({ name, ranOn, differences: found, parting, unrepeated, error: null, ok });
  }
  return results;
}
