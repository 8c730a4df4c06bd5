/** What the user asked for, from options and the environment, checked. */
import { boolean, integer, oneOf, wrong } from '../arguments';
import type { BackendName, DeviceRequest } from './contract';

/** Where to run; each undefined part comes from its environment variable FUSOR_…, else is chosen. */
export interface DeviceOptions extends Partial<DeviceRequest> {
  backend?: 'auto' | BackendName;
  /** Do not say on stderr when something better could not be had. Default false, or FUSOR_QUIET. */
  quiet?: boolean;
}

export type ResolvedRequest = DeviceRequest & { backend: 'auto' | BackendName };

/** What of it was said in a call; the environment is looked at when a device is chosen. @throws ERR_ARG naming the option */
export function checkedDevice(where: string, options: DeviceOptions): DeviceOptions {
  boolean(where, 'quiet', options.quiet, false);
  resolveRequest(options, {}, where);
  return options;
}

/** @throws ERR_ARG naming the option or the environment variable */
export function resolveRequest(
  request: DeviceOptions,
  env: NodeJS.ProcessEnv = process.env,
  of = 'device options',
): ResolvedRequest {
  const pick = (
    name: keyof ResolvedRequest,
    variable: string,
  ): [where: string, name: string, value: unknown] => {
    const option = request[name];
    if (option !== undefined) return [of, name, option];
    // An empty variable counts as unset, as in most tools.
    return ['environment', variable, env[variable] || undefined];
  };
  const threads = pick('threads', 'FUSOR_THREADS');
  if (threads[0] === 'environment' && /^\d+$/.test(String(threads[2]))) threads[2] = Number(threads[2]);
  return {
    backend: oneOf(...pick('backend', 'FUSOR_BACKEND'), ['auto', 'native', 'tfjs'], 'auto'),
    device: deviceOf(...pick('device', 'FUSOR_DEVICE')),
    kernels: oneOf(...pick('kernels', 'FUSOR_KERNELS'), ['auto', 'fused', 'framework'], 'auto'),
    precision: oneOf(...pick('precision', 'FUSOR_PRECISION'), ['fp32', 'tf32', 'bf16'], 'fp32'),
    threads: integer(...threads, { min: 0, max: 1024, fallback: 0 }),
    tfjsEngine: oneOf(
      ...pick('tfjsEngine', 'FUSOR_TFJS_ENGINE'),
      ['auto', 'node-gpu', 'node', 'wasm', 'cpu'],
      'auto',
    ),
  };
}

function deviceOf(where: string, name: string, value: unknown): DeviceRequest['device'] {
  if (value === undefined) return 'auto';
  if (typeof value === 'string' && /^(auto|cpu|cuda(:\d{1,3})?)$/.test(value))
    return value as DeviceRequest['device'];
  throw wrong(where, name, value, 'auto, cpu, cuda or cuda:N');
}
