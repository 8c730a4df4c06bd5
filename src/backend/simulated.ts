/**
 * FUSOR_FAULT: the CPU plays a GPU that fails at a chosen step, so that what happens then is tested without one. The
 * device says everywhere that it is simulated; what asks for the CPU gets the real one, which never fails.
 */
import { wrong } from '../arguments';
import { FusorError } from '../errors';
import type { Backend, Span } from './contract';
import { losable, lostError, memoryError } from './device-loss';
import { type DeviceOptions, resolveRequest } from './request';
import type { Selection } from './selection';

const KINDS = ['device-lost', 'oom', 'hang', 'crash', 'kill'] as const;
interface Fault {
  /** 'gone': the device cannot be had at all. */
  kind: (typeof KINDS)[number] | 'gone' | 'none';
  /** As many steps have been done when it happens. */
  step: number;
}

/** e.g. 'device-lost@step:700,gone': the first is that of this process. @throws ERR_ARG */
function faultsOf(written: string): Fault[] {
  return written.split(',').map((one) => {
    if (one === 'gone' || one === 'none') return { kind: one, step: 0 };
    const [, kind, step] = /^([a-z-]+)@step:(\d{1,15})$/.exec(one) ?? [];
    if ((KINDS as readonly string[]).includes(kind))
      return { kind: kind as Fault['kind'], step: Number(step) };
    const allowed = `none, gone or KIND@step:N, of ${KINDS.join(', ')}; several with commas`;
    throw wrong('environment', 'FUSOR_FAULT', written, allowed);
  });
}

/** What `select` gives, but for a request that a GPU may serve. */
export async function selectSimulated(
  written: string,
  select: (request?: DeviceOptions) => Promise<Selection>,
  request: DeviceOptions = {},
): Promise<Selection> {
  const { quiet: _, ...rest } = request;
  const { device } = resolveRequest(rest);
  if (device === 'cpu') return select(request);
  const [fault] = faultsOf(written);
  const name = `${/\d/.test(device) ? device : 'cuda:0'} (simulated)`;
  if (fault.kind === 'gone')
    throw new FusorError('ERR_BACKEND_UNAVAILABLE', [`${name} cannot be had`, 'FUSOR_FAULT']);
  const { backend } = await select({ ...request, device: 'cpu' });
  return { backend: losable(failing(backend, name, fault)), steppedDown: [] };
}

function failing(backend: Backend, device: string, fault: Fault): Backend {
  let happened = fault.kind === 'none';
  return {
    ...backend,
    device,
    async createSession(plan, state) {
      const session = await backend.createSession(plan, state);
      const run = session.run.bind(session);
      session.run = async (span, listen) => {
        const before = fault.step - span.firstStep;
        if (happened || before < 0 || before >= span.learningRates.length) return run(span, listen);
        if (before > 0) {
          const report = await run(beginning(span, before), listen);
          if (report.stepsDone < before) return report;
        }
        happened = true;
        return fail(fault, device);
      };
      return session;
    },
  };
}

function beginning(span: Span, steps: number): Span {
  const order = span.order.subarray(0, steps * span.batchSize);
  return { ...span, order, learningRates: span.learningRates.subarray(0, steps) };
}

function fail({ kind, step }: Fault, device: string): Promise<never> {
  if (kind === 'device-lost') throw lostError(device, `device lost at step ${step}`);
  if (kind === 'oom') throw memoryError(device, `out of memory at step ${step}`);
  if (kind === 'crash') process.kill(process.pid, 'SIGSEGV');
  if (kind === 'kill') process.kill(process.pid, 'SIGKILL');
  // A kernel without an end; the timer keeps the process alive, as the kernel would.
  return new Promise(() => setInterval(() => {}, 2 ** 30));
}
