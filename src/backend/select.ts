/** The choice of a backend: the only place that knows their names. */
import { FusorError, isFusorError, partsOf } from '../errors';
import type { Backend, BackendName, BackendProvider, DeviceRequest } from './contract';
import { losable } from './device-loss';
import { loadedFramework } from './loaded-framework';
import { nvidiaDriverPresent } from './nvidia-driver';
import { type DeviceOptions, type ResolvedRequest, resolveRequest } from './request';
import type { NamedCandidate, Selection, StepDown } from './selection';
import { selectSimulated } from './simulated';
import { reportStepDowns } from './step-down';

type Load = () => { provider: BackendProvider };

/** In the order of probing. Required when needed: what is not used costs no time to start. */
const PROVIDERS: Record<BackendName, Load> = {
  native: () => require('./native/provider'),
  tfjs: () => require('./tfjs/provider'),
};

const onCuda = (device: string): boolean => device.startsWith('cuda');

/** native on CUDA, TensorFlow on CUDA, native on CPU, TensorFlow on CPU, wasm, plain JavaScript. */
function rankOf({ backend, engine, device }: NamedCandidate): number {
  if (onCuda(device)) return backend === 'native' ? 0 : 1;
  if (backend === 'native') return 2;
  return { 'node-gpu': 3, node: 4, wasm: 5 }[engine] ?? 6;
}

/** The native framework that a candidate loads; two of them in one process crash or hang. */
function frameworkOf({ backend, engine }: { backend: BackendName; engine: string }): string | null {
  if (backend === 'native') return 'libtorch';
  return engine.startsWith('node') ? 'libtensorflow' : null;
}

function label(backend: BackendName, engine: string, device: string): string {
  return backend === 'native' ? `native ${device}` : `tfjs ${engine}`;
}

/** The choice as an object, so that tests can make their own with providers of their own. */
export class Selector {
  readonly #probes = new Map<string, Promise<NamedCandidate[]>>();
  readonly #selections = new Map<string, Promise<Selection>>();
  #framework: string | null = null;

  constructor(
    private readonly load: Record<BackendName, Load> = PROVIDERS,
    private readonly hasDriver: () => boolean = nvidiaDriverPresent,
    private readonly loaded: () => string | null = loadedFramework,
  ) {}

  /** Everything there is, usable or not; probes run in child processes, once for this process. */
  async devices(): Promise<NamedCandidate[]> {
    const names = Object.keys(this.load) as BackendName[];
    return (await Promise.all(names.map((name) => this.#probe(name, 'auto', true)))).flat();
  }

  /**
   * The best that fits the request; the same request gets the same backend.
   * @throws ERR_ARG, ERR_BACKEND_UNAVAILABLE for what was asked for and cannot be had, ERR_BACKEND_CONFLICT
   */
  async select(request: DeviceOptions = {}): Promise<Selection> {
    const { quiet = Boolean(process.env.FUSOR_QUIET), ...rest } = request;
    const resolved = resolveRequest(rest);
    const key = JSON.stringify(resolved);
    let selection = this.#selections.get(key);
    if (!selection) {
      selection = this.#choose(resolved);
      this.#selections.set(key, selection);
      selection.catch(() => this.#selections.delete(key));
    }
    const { backend, steppedDown } = await selection;
    const runs = [label(backend.name, backend.engine, backend.device), backend.deviceName];
    if (!quiet) reportStepDowns(runs.filter(Boolean).join(', '), steppedDown, this.hasDriver());
    return { backend, steppedDown };
  }

  async #choose(request: ResolvedRequest): Promise<Selection> {
    const steppedDown: StepDown[] = [];
    let candidates: NamedCandidate[] = [];
    // All of them where none opens of those that could have won.
    for (const every of [false, true]) {
      const tried = candidates;
      candidates = await this.#candidates(request, every);
      for (const candidate of candidates.filter((each) => !tried.includes(each))) {
        const obstacle = this.#obstacle(candidate) ?? (await this.#open(candidate, request));
        if ('backend' in obstacle) return { backend: obstacle.backend, steppedDown };
        steppedDown.push({
          candidate: label(candidate.backend, candidate.engine, candidate.device),
          ...obstacle,
        });
      }
    }
    throw this.#unavailable(request, candidates, steppedDown);
  }

  /** What fits the request, best first. @param every else backends that cannot win are not even probed */
  async #candidates(request: ResolvedRequest, every: boolean): Promise<NamedCandidate[]> {
    const found: NamedCandidate[] = [];
    for (const name of Object.keys(this.load) as BackendName[]) {
      if (!mayServe(name, request)) continue;
      const best = Math.min(...found.filter((c) => !this.#obstacle(c)).map(rankOf));
      const possible = { native: 0, tfjs: request.device !== 'cpu' && this.hasDriver() ? 1 : 3 }[name];
      if (!every && best < possible) continue;
      found.push(
        ...(await this.#probe(name, request.tfjsEngine)).filter((candidate) => fits(candidate, request)),
      );
    }
    return found.sort((a, b) => rankOf(a) - rankOf(b));
  }

  /** Why a candidate cannot be opened, null when it may. */
  #obstacle(candidate: NamedCandidate): { reason: string; cure: string } | null {
    if (!candidate.usable) return { reason: candidate.reason, cure: candidate.cure };
    const framework = frameworkOf(candidate);
    if (!framework) return null;
    // A worker thread, or a test's realm, may have loaded one.
    this.#framework ??= this.loaded();
    if (!this.#framework || framework === this.#framework) return null;
    return {
      reason: `${this.#framework} is loaded in this process, and ${framework} beside it would crash`,
      cure: 'use another process',
    };
  }

  async #open(
    candidate: NamedCandidate,
    request: ResolvedRequest,
  ): Promise<{ backend: Backend } | { reason: string; cure: string }> {
    // Before opening: a library that fails half-way may be loaded all the same.
    this.#framework ??= frameworkOf(candidate);
    const { backend: _, ...device } = request;
    const exact: DeviceRequest = {
      ...device,
      device: candidate.device as DeviceRequest['device'],
      tfjsEngine: candidate.backend === 'tfjs' ? (candidate.engine as DeviceRequest['tfjsEngine']) : 'auto',
    };
    try {
      const backend = await this.load[candidate.backend]().provider.open(exact);
      return { backend: onCuda(candidate.device) ? losable(backend) : backend };
    } catch (error) {
      if (!isFusorError(error) || error.code !== 'ERR_BACKEND_UNAVAILABLE') throw error;
      const { what: reason, mend: cure } = partsOf(error);
      return { reason, cure };
    }
  }

  #unavailable(request: ResolvedRequest, candidates: NamedCandidate[], tried: StepDown[]): FusorError {
    const asked = Object.entries(request)
      .filter(([name, value]) => name !== 'threads' && value !== 'auto' && value !== 'fp32')
      .map(([name, value]) => `${name} ${value}`);
    const conflict = candidates.find((candidate) => candidate.usable && this.#obstacle(candidate));
    const what = asked.length > 0 ? `${asked.join(' with ')} cannot be had` : 'no backend can be had';
    const reasons = [...new Set(tried.map(({ candidate, reason }) => `${candidate}: ${reason}`))].join('; ');
    const none = nothingFits(request);
    // Of the better backend's: of its ways the last, which asks for least.
    const backendOf = ({ candidate }: StepDown) => candidate.split(' ')[0];
    const mendable = tried.filter((step) => step.cure);
    const cure =
      mendable.findLast((step) => backendOf(step) === backendOf(mendable[0]))?.cure ??
      (reasons ? LISTED : none.cure);
    return new FusorError(
      conflict ? 'ERR_BACKEND_CONFLICT' : 'ERR_BACKEND_UNAVAILABLE',
      [what, reasons || none.reason, cure],
      { asked, tried: tried.map(({ candidate }) => candidate) },
    );
  }

  /** Of one engine alone where one was asked for: loading TensorFlow only to look at it takes a second. */
  #probe(name: BackendName, engine = 'auto', fresh = false): Promise<NamedCandidate[]> {
    const key = `${name} ${engine} ${fresh}`;
    let probe = this.#probes.get(key);
    if (!probe) {
      probe = this.load[name]()
        .provider.probe(engine, fresh)
        .then((candidates) => candidates.map((candidate) => ({ ...candidate, backend: name })));
      this.#probes.set(key, probe);
    }
    return probe;
  }
}

/** Whether a backend is meant at all. A tfjs engine, or what native alone has, asked for by name, settles it. */
function mayServe(name: BackendName, { backend, tfjsEngine, kernels, precision }: ResolvedRequest): boolean {
  if (backend !== 'auto') return name === backend;
  if (kernels === 'fused') return name === 'native';
  if (tfjsEngine !== 'auto') return name === 'tfjs';
  return precision !== 'bf16' || name === 'native';
}

function fits({ backend, engine, device }: NamedCandidate, request: ResolvedRequest): boolean {
  if (backend === 'tfjs' && request.tfjsEngine !== 'auto' && request.tfjsEngine !== engine) return false;
  if (backend === 'tfjs' && request.kernels === 'fused') return false;
  if (request.device === 'auto') return true;
  if (request.device === 'cpu') return !onCuda(device);
  // 'cuda' without a number: any GPU is meant, or none was found.
  return onCuda(device) && (device === request.device || request.device === 'cuda' || device === 'cuda');
}

const LISTED = "'npx fusor devices' lists what there is";

/** Why there was nothing to try. */
function nothingFits({ backend, kernels }: ResolvedRequest): { reason: string; cure: string } {
  return backend === 'tfjs' && kernels === 'fused'
    ? { reason: 'tfjs has no fused kernels', cure: 'use --backend native or --kernels auto' }
    : { reason: 'there is no such device here', cure: LISTED };
}

const selector = new Selector();

/** @see Selector.select */
export function selectBackend(request?: DeviceOptions): Promise<Selection> {
  const fault = process.env.FUSOR_FAULT;
  return fault ? selectSimulated(fault, (r) => selector.select(r), request) : selector.select(request);
}

/** Whether a GPU may be chosen for a request: true in doubt. Probes nothing, so that who has none loses no time. */
export function mayUseGpu(request: DeviceOptions): boolean {
  const { device } = resolveRequest(request);
  return device === 'auto' ? Boolean(process.env.FUSOR_FAULT) || nvidiaDriverPresent() : onCuda(device);
}

/** Every way of running there is, usable or not, with reason and cure. Probes run in child processes. */
export const devices = (): Promise<NamedCandidate[]> => selector.devices();
