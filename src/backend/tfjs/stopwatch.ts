/** What a session does and when: its phases, and the kernels that tfjs calls for them. */
import type { Phase, Timeline, Work } from '../contract';
import type { Engine, Tf } from './engine';

const now = (): number => performance.now() * 1000;

interface Stretch {
  work: number;
  step: number;
  begin: number;
  end: number;
}

/** Kernels are timed in one step of so many, so that timing them costs next to nothing. */
const KERNELS_EVERY = 8;

export class Stopwatch {
  step = 0;
  readonly #called = now();
  readonly #stretches: Stretch[] = [];
  readonly #works: Work[] = [];
  readonly #indices = new Map<string, number>();

  /** `work`, timed; what it times itself belongs to it. */
  time<T>(phase: Phase, layer: string | null, kernel: string | null, work: () => T): T {
    const stretch = { work: this.#indexOf(phase, layer, kernel), step: this.step, begin: now(), end: 0 };
    this.#stretches.push(stretch);
    try {
      return work();
    } finally {
      stretch.end = now();
    }
  }

  /** The engine's kernels are timed while `work` runs: tfjs looks a kernel's function up at each call. */
  async hooked<T>({ tf }: Engine, work: () => Promise<T>): Promise<T> {
    const configs = tf.getKernelsForBackend(tf.getBackend());
    const functions = configs.map(({ kernelFunc }) => kernelFunc);
    for (const config of configs) {
      const { kernelName, kernelFunc } = config;
      config.kernelFunc = (params) =>
        this.step % KERNELS_EVERY === 0
          ? this.time('kernel', null, kernelName, () => kernelFunc(params))
          : kernelFunc(params);
    }
    try {
      return await work();
    } finally {
      configs.forEach((config, i) => {
        config.kernelFunc = functions[i];
      });
    }
  }

  timeline(tf: Tf): Timeline {
    const returned = now();
    const launch = smallestKernel(tf);
    const all = this.#stretches;
    return {
      tracks: ['JavaScript'],
      leading: 0,
      works: this.#works,
      track: new Uint16Array(all.length),
      work: Uint16Array.from(all, ({ work }) => work),
      step: Int32Array.from(all, ({ step }) => step),
      begin: Float64Array.from(all, ({ begin }) => begin),
      end: Float64Array.from(all, ({ end }) => end),
      called: this.#called,
      returned,
      launch,
      lost: 0,
      aside: now() - returned,
    };
  }

  #indexOf(phase: Phase, layer: string | null, kernel: string | null): number {
    const key = `${phase} ${layer} ${kernel}`;
    let index = this.#indices.get(key);
    if (index === undefined) {
      index = this.#works.push({ phase, layer, kernel }) - 1;
      this.#indices.set(key, index);
    }
    return index;
  }
}

/** `work`, timed where somebody listens. */
export function timed<T>(watch: Stopwatch | undefined, phase: Phase, layer: string | null, work: () => T): T {
  return watch ? watch.time(phase, layer, null, work) : work();
}

/** Microseconds that a kernel on one number takes. */
function smallestKernel(tf: Tf): number {
  const times = 50;
  return tf.tidy(() => {
    const one = tf.scalar(1);
    const began = now();
    for (let i = 0; i < times; i++) tf.neg(one);
    return (now() - began) / times;
  });
}
