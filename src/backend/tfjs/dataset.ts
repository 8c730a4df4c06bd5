import type { Dataset, Examples, LayerPlan, TrainPlan } from '../contract';
import type { Targets } from './head';

/**
 * Rescaling layers before any other are applied while rows are gathered: to uint8 through a table of 256 values,
 * to float32 once.
 */
export function leadingRescalings(plan: TrainPlan): (LayerPlan & { kind: 'rescaling' })[] {
  const end = plan.layers.findIndex((layer) => layer.kind !== 'rescaling');
  const leading = end < 0 ? plan.layers : plan.layers.slice(0, end);
  return leading as (LayerPlan & { kind: 'rescaling' })[];
}

/** Input rows on the host, ready to be gathered. */
export class Rows {
  readonly count: number;
  private readonly values: Uint8Array | Float32Array;
  /** What each uint8 stands for. */
  private readonly table: Float32Array | null;

  constructor(
    private readonly plan: TrainPlan,
    x: Examples['x'],
  ) {
    this.count = x.length / plan.features;
    const isBytes = x.BYTES_PER_ELEMENT === 1;
    const rescale = (value: number) =>
      leadingRescalings(plan).reduce((v, { scale, offset }) => Math.fround(v * scale + offset), value);
    this.values = isBytes ? x.slice() : Float32Array.from(x, rescale);
    this.table = isBytes ? Float32Array.from({ length: 256 }, (_, value) => rescale(value)) : null;
  }

  /** The named rows, feature-major: [features, order.length]. */
  gather(order: Uint32Array): Float32Array {
    const { features } = this.plan;
    const out = new Float32Array(features * order.length);
    const starts = order.map((row) => row * features);
    if (this.table) gatherBytes(out, this.values as Uint8Array, this.table, starts);
    else gatherFloats(out, this.values as Float32Array, starts);
    return out;
  }
}

// Two loops, so that each sees one type of array: as one they took three times as long.

function gatherBytes(out: Float32Array, values: Uint8Array, table: Float32Array, starts: Uint32Array): void {
  const rows = starts.length;
  for (let i = 0, at = 0; at < out.length; i++)
    for (let row = 0; row < rows; row++) out[at++] = table[values[starts[row] + i]];
}

function gatherFloats(out: Float32Array, values: Float32Array, starts: Uint32Array): void {
  const rows = starts.length;
  for (let i = 0, at = 0; at < out.length; i++)
    for (let row = 0; row < rows; row++) out[at++] = values[starts[row] + i];
}

/** Examples stay on the host: the engines read a batch at a time, and on most of them device and host are one. */
export class HostExamples {
  private readonly x: Rows;
  private readonly y: Examples['y'];
  private readonly weights: Float32Array | undefined;

  constructor(plan: TrainPlan, { x, y, weights }: Examples) {
    this.x = new Rows(plan, x);
    this.y = y.slice();
    this.weights = weights?.slice();
  }

  /** Inputs [features, rows] and targets of the named rows. */
  batch(order: Uint32Array): { x: Float32Array; targets: Targets } {
    return { x: this.x.gather(order), targets: { y: this.y, weights: this.weights, order } };
  }
}

export class HostDataset implements Dataset {
  readonly rows: number;
  /** Null once disposed; a span that is running keeps what it began with. */
  examples: HostExamples | null;

  /** @param disposed is told when it is */
  constructor(
    plan: TrainPlan,
    examples: Examples,
    private readonly disposed: (dataset: HostDataset) => void,
  ) {
    this.rows = examples.rows;
    this.examples = new HostExamples(plan, examples);
  }

  dispose(): void {
    this.examples = null;
    this.disposed(this);
  }
}
