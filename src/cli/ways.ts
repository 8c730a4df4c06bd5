/** The ways to run that a command tries one after the other, each in a process of its own. */
import { wrong } from '../arguments';
import { type DeviceRequest, devices, type NamedCandidate } from '../index';
import type { runtime } from './options';

type Backend = (typeof runtime)['backend']['fallback'];

/** Which backend, engine, device and kernels; what is 'auto' is left to the choice. */
export interface Way extends Pick<DeviceRequest, 'device' | 'kernels' | 'tfjsEngine'> {
  /** As it is written: `native:fused`, `tfjs:wasm`, `native:framework@cuda:0`. */
  name: string;
  backend: Exclude<Backend, 'auto'>;
}

/** One that cannot run here. */
export interface Obstacle {
  name: string;
  reason: string;
  cure: string;
}

const GRAMMAR = /^(native|tfjs)(?::([a-z-]+))?(?:@(cpu|cuda(?::\d{1,3})?))?$/;
const PARTS = { native: ['fused', 'framework'], tfjs: ['node-gpu', 'node', 'wasm', 'cpu'] };

/** `native`, `native:framework`, `tfjs:wasm`, `native:fused@cuda:0`. @throws ERR_ARG */
export function wayOf(name: string, where: string): Way {
  const [, backend, part, device = 'auto'] = GRAMMAR.exec(name) ?? [];
  const known = backend as keyof typeof PARTS;
  if (!backend || (part && !PARTS[known].includes(part)))
    throw wrong(where, 'the value', name, 'native[:fused|framework] or tfjs[:node-gpu|node|wasm|cpu]');
  const kernels = (known === 'native' && part) || 'auto';
  const tfjsEngine = (known === 'tfjs' && part) || 'auto';
  return { name, backend: known, device, kernels, tfjsEngine } as Way;
}

/** All there are here, best first: native with either kind of kernel, and every engine. */
export async function everyWay(): Promise<{ usable: Way[]; obstacles: Obstacle[] }> {
  const found = await devices();
  const obstacles = found
    .filter(({ usable }) => !usable)
    .map(({ backend, engine, device, reason, cure }) => {
      const part = backend === 'tfjs' ? engine : device;
      return { name: `${backend} ${part}`, reason, cure };
    });
  return { usable: found.filter(({ usable }) => usable).flatMap(waysOf), obstacles };
}

function waysOf({ backend, engine, device }: NamedCandidate): Way[] {
  const at = device === 'cpu' || backend === 'tfjs' ? '' : `@${device}`;
  const parts = backend === 'tfjs' ? [engine] : PARTS.native;
  return parts.map((part) => ({ ...wayOf(`${backend}:${part}${at}`, 'devices'), device: device as 'cpu' }));
}

/** Whether nothing but the device is left to the choice. */
export function isExact({ kernels, tfjsEngine }: Way): boolean {
  return kernels !== 'auto' || tfjsEngine !== 'auto';
}

/** Whether `wanted`, perhaps less exact (`native`, `tfjs`), means this way. */
export function means(wanted: string, { name }: Way): boolean {
  return name === wanted || name.startsWith(`${wanted}:`) || name.startsWith(`${wanted}@`);
}
