/**
 * What the suite runs on. FUSOR_CONFORMANCE_TARGET names an entry of targets.json (default: reference), whose `env`
 * the caller has set; `npm test` does both, once a target, each in a process of its own. A target that cannot be
 * used is skipped with the reason; FUSOR_REQUIRE=name,name makes that an error.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Backend, BackendProvider, DeviceRequest, TrainPlan } from '../../src/backend/contract';
import { noteSkip } from '../support/skip';

interface Target {
  name: string;
  /** Which module has it: the reference or a backend's folder. */
  provider: 'reference' | 'native' | 'tfjs';
  /** What differs from the request for the CPU in fp32. */
  request?: Partial<DeviceRequest>;
  /** The instruction set that must really run. */
  isa?: string;
  env?: Record<string, string>;
  /** Trains on the thread that calls: timers are late by a step. */
  blocking?: boolean;
  /** Results do not depend on the number of threads, to the last bit. */
  sameForAnyThreads?: boolean;
  /** Not even begun where there is no NVIDIA driver (scripts/test.mjs). */
  needsGpu?: boolean;
  /** Slow: fewer cases. */
  short?: boolean;
}

const name = process.env.FUSOR_CONFORMANCE_TARGET ?? 'reference';

function findTarget(): Target {
  const targets: Target[] = JSON.parse(readFileSync(join(__dirname, 'targets.json'), 'utf8'));
  const found = targets.find((entry) => entry.name === name);
  if (!found)
    throw new Error(`no target '${name}' in targets.json; it has ${targets.map((t) => t.name).join(', ')}`);
  return found;
}

export const target = findTarget();

export const isShort = target.short === true || process.env.FUSOR_CONFORMANCE_SHORT === '1';

const request: DeviceRequest = {
  device: 'cpu',
  kernels: 'auto',
  precision: 'fp32',
  threads: 0,
  tfjsEngine: 'auto',
  ...target.request,
};

let backend: Promise<Backend> | null = null;

/** The target's backend; one for a test file. `changes` opens another, e.g. with other threads. */
export function openBackend(changes?: Partial<DeviceRequest>): Promise<Backend> {
  if (changes) return loadProvider().then((provider) => provider.open({ ...request, ...changes }));
  backend ??= loadProvider().then((provider) => provider.open(request));
  return backend;
}

/** The target's backend; nothing, and the reason noted, where its kernels are said not to run the plan. */
export async function runs(plan: TrainPlan, what: RegExp): Promise<Backend | undefined> {
  const backend = await openBackend();
  const hindrance = backend.unsupported(plan);
  if (!hindrance) return backend;
  expect(hindrance).toMatch(what);
  noteSkip(hindrance);
  return undefined;
}

const MODULES = {
  reference: '../support/reference',
  native: '../../src/backend/native/provider',
  tfjs: '../../src/backend/tfjs/provider',
};

async function loadProvider(): Promise<BackendProvider> {
  return (require(MODULES[target.provider]) as { provider: BackendProvider }).provider;
}

/** A `describe` of the suite: runs on the target, or is skipped (or fails) with the reason. */
export function conformance(title: string, body: () => void): void {
  const reason = unusable();
  if (reason === null) {
    describe(`${name}: ${title}`, body);
  } else if ((process.env.FUSOR_REQUIRE ?? '').split(',').includes(name)) {
    test(`${name} is usable`, () => {
      throw new Error(`${name} is required and cannot be used: ${reason}`);
    });
  } else {
    noteSkip(reason);
    describe.skip(`${name}: ${title}`, body);
  }
}

let verdict: { reason: string | null } | null = null;

/**
 * Why the target cannot be used; null when it can. Asked in a child: jest must know before the tests begin, and
 * a backend that crashes must not take the suite along.
 */
function unusable(): string | null {
  if (target.provider === 'reference') return null;
  verdict ??= { reason: tryInChild() };
  return verdict.reason;
}

function tryInChild(): string | null {
  const child = spawnSync(
    process.execPath,
    [join(__dirname, 'try-target.cjs'), target.provider, JSON.stringify(request)],
    {
      encoding: 'utf8',
      timeout: 60_000,
    },
  );
  const lastLine = (text: string) => text.trim().split('\n').at(-1) ?? '';
  if (child.status !== 0) {
    const how = child.signal ?? `status ${child.status}`;
    return `starting it ended with ${how}: ${lastLine(child.stderr)}`;
  }
  const answer: { isa: string } | { reason: string } = JSON.parse(lastLine(child.stdout));
  if ('reason' in answer) return answer.reason;
  if (target.isa && answer.isa !== target.isa) return `this CPU runs ${answer.isa}, not ${target.isa}`;
  return null;
}
