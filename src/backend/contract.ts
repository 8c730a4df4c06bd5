/**
 * The contract between the training loop and the backends. *A session owns one model on one device; the loop
 * hands it spans of steps.* Native runs a whole span in one crossing into C++; tfjs loops inside `run`; callers
 * cannot tell which. No tensor type of any library crosses this line, and a plan is plain JSON-safe data.
 *
 * The formulas that a session must implement are those of the reference session (test/support/reference.ts);
 * the README's section "The same training everywhere" states what is promised about them.
 */
import { elements } from '../shape';

// ── The plan: what to compute. Everything is resolved; nothing is left to a backend's defaults ──────────────

/** Applied element by element; a Dense layer may carry one. gelu is the exact (erf) form, elu has alpha 1. */
export type DenseActivation = 'linear' | 'relu' | 'sigmoid' | 'tanh' | 'elu' | 'gelu';
/** What may turn logits into predictions. softmax works on whole rows. */
export type OutputActivation = DenseActivation | 'softmax';
/**
 * silu(x) = x/(1 + e⁻ˣ); selu is elu times 1.0507…, its alpha 1.6732… (Klambauer et al., NIPS 2017); softplus(x) = log(1 + eˣ);
 * leakyRelu(x) is x above 0 and x·negativeSlope below. In a plan these are always layers of their own.
 */
export type Activation = OutputActivation | 'silu' | 'selu' | 'softplus' | 'leakyRelu';

/**
 * Of one parameter w: adds l1·Σ|w| + l2·Σw² to the loss of every batch and evaluation, and so l1·sign(w) + 2·l2·w to w's
 * gradient, before clipping.
 */
export interface RegularizerPlan {
  l1: number;
  l2: number;
}

/**
 * Of one parameter, after each step, also one that only accumulates: w ← w·min(n, maxNorm)/(n + 1e-7), with n the L2 norm of each column of a kernel (all
 * that goes into one output), or of the whole bias.
 */
export interface ConstraintPlan {
  maxNorm: number;
}

/** What a Dense layer's parameters are held to; absent: nothing. */
export interface Restraints {
  kernelRegularizer?: RegularizerPlan;
  biasRegularizer?: RegularizerPlan;
  kernelConstraint?: ConstraintPlan;
  biasConstraint?: ConstraintPlan;
}

/** Layers map [rows, inputs] to [rows, outputs], both row-major float32. Flatten is gone: rows are always flat. */
export type LayerPlan =
  /** y = x·scale + offset; inputs = outputs = width. */
  | { kind: 'rescaling'; name: string; width: number; scale: number; offset: number }
  /** y = activation(x·kernel + bias); kernel [inputs, outputs] row-major, bias [outputs]. */
  | ({
      kind: 'dense';
      name: string;
      inputs: number;
      outputs: number;
      useBias: boolean;
      activation: DenseActivation;
      /**
       * false: no step changes its parameters or their slots, and they count neither among the gradients that are clipped nor for
       * its restraints. Absent: they are trained.
       */
      trainable?: false;
    } & Restraints)
  | {
      kind: 'activation';
      name: string;
      width: number;
      activation: Activation;
      /** Of a leakyRelu. */
      negativeSlope?: number;
    }
  /**
   * While training y = keep ? x·(1/(1−rate)) : 0, the factor rounded to float32; the identity otherwise.
   * Element e = row·width + column of step s is kept when number e of
   * randomUint32(…, seed, Purpose.dropout, stream, s) is ≥ dropoutThreshold(rate); rows count within the batch.
   */
  | { kind: 'dropout'; name: string; width: number; rate: number; stream: number }
  | BatchNormalizationPlan;

/**
 * Element e of a row is of channel c = e mod channels; y = (x − meanᶜ)/√(varianceᶜ + epsilon)·gammaᶜ + betaᶜ, gamma 1 without
 * `scale`, beta 0 without `center`. Parameters [channels]: gamma, beta, movingMean, movingVariance, those that there are.
 *
 * While training, mean = Σx/n and variance = Σ(x − mean)²/n are those of the batch, n = rows·width/channels, the gradient is taken
 * through both, and each step, also one that only accumulates, ends with moving ← moving·momentum + batch's·(1 − momentum). Otherwise, and
 * where `trainable` is false, they are the moving ones, which no gradient changes.
 */
export interface BatchNormalizationPlan {
  kind: 'batchNormalization';
  name: string;
  width: number;
  channels: number;
  momentum: number;
  epsilon: number;
  scale: boolean;
  center: boolean;
  /** As a Dense layer's. */
  trainable?: false;
}

/**
 * All losses are means: over the outputs of a row, then over the rows of a batch, each row times its weight
 * (Σ wᵢ·lossᵢ / rows, as Keras' "sum_over_batch_size"). Cross-entropies take the *logits*, the values before
 * `TrainPlan.output`, through log-sum-exp; their gradient with respect to the logits is (p − y)/rows
 * (binary: /(rows·width)). The others take the predictions, the values after `output`.
 */
export type LossPlan = {
  kind:
    | 'categoricalCrossentropy'
    | 'sparseCategoricalCrossentropy'
    | 'binaryCrossentropy'
    | 'meanSquaredError'
    | 'meanAbsoluteError'
    | 'huber';
  /** Of huber, which has it always: with d = |p − y|, ½d² where d ≤ delta, else delta·(d − ½delta). */
  delta?: number;
  /**
   * What targets were smoothed by on their way here (data/smoothing.ts): a part of what is trained, of which a session need not know.
   * In (0, 1); absent: not at all.
   */
  labelSmoothing?: number;
};

/** Whether a loss takes the logits. */
export const takesLogits = ({ kind }: Pick<LossPlan, 'kind'>): boolean => kind.endsWith('Crossentropy');

/**
 * Clipping comes before the update: with n the L2 norm of all parameters' gradients together, in float64, each is
 * multiplied by min(1, clipNorm/n), rounded to float32. Keras' global_clipnorm; absent: no clipping.
 */
type Clipping = { clipNorm?: number };

/**
 * With N steps to accumulate (an integer ≥ 2), every N-th step alone updates, with the mean of the gradients of N batches:
 * a += g; where (step + 1) mod N = 0, g = a/N is clipped and updates at t = ⌊step/N⌋ + 1, and a = 0. a is the last slot.
 * Keras' gradient_accumulation_steps; absent: every step updates.
 */
type Accumulation = { gradientAccumulationSteps?: number };

/** α, the learning rate, comes with each span. g is the gradient of the loss above. All state starts at zero. */
export type OptimizerPlan = Clipping &
  Accumulation &
  (
    | /** velocity = μ·velocity − α·g; w += velocity (nesterov: w += μ·velocity − α·g). One slot iff momentum > 0. */
    { kind: 'sgd'; momentum: number; nesterov: boolean }
    /** Slots m, v. a = α·√(1−β₂ᵗ)/(1−β₁ᵗ), t = step + 1 unless gradients accumulate; m += (g−m)(1−β₁); v += (g²−v)(1−β₂); w −= a·m/(√v+ε). */
    | { kind: 'adam'; beta1: number; beta2: number; epsilon: number }
    /** As adam, after w −= α·weightDecay·w (kernels and biases alike, as Keras). */
    | { kind: 'adamw'; beta1: number; beta2: number; epsilon: number; weightDecay: number }
    /** Slot v. v = ρ·v + (1−ρ)·g²; w −= α·g/√(v+ε). */
    | { kind: 'rmsprop'; rho: number; epsilon: number }
  );

/** Each is a mean over rows of a value per row, from the predictions and the targets; unweighted. */
export type MetricPlan =
  /** 1 where the greatest prediction (the first among equals) stands at the target's class. */
  | { kind: 'categoricalAccuracy'; name: string }
  /** Share of the outputs on the target's side of `threshold` (prediction > threshold against target > 0.5). */
  | { kind: 'binaryAccuracy'; name: string; threshold: number }
  /** 1 where the target's class has fewer than k predictions strictly greater than its own. */
  | { kind: 'topK'; name: string; k: number }
  | { kind: 'meanSquaredError'; name: string }
  | { kind: 'meanAbsoluteError'; name: string };

/** Whether it counts what is right: greater is better. */
export function isAccuracy({ kind }: MetricPlan): boolean {
  return kind === 'categoricalAccuracy' || kind === 'binaryAccuracy' || kind === 'topK';
}

export interface TrainPlan {
  /** Width of an input row: the product of the input shape. */
  features: number;
  /** Width of a prediction. */
  outputs: number;
  layers: LayerPlan[];
  /** Turns the last layer's values, the logits, into predictions. It belongs to the loss step, not to a layer. */
  output: OutputActivation;
  /** What a target row is: one class index, or `outputs` float32 values. */
  targets: 'labels' | 'values';
  loss: LossPlan;
  optimizer: OptimizerPlan;
  metrics: MetricPlan[];
  /** Key of the dropout bits; integer in [0, 2⁵³). */
  seed: number;
}

/** One parameter of a plan; their order is the order of everything in {@link SessionState}. */
export interface Parameter {
  layer: string;
  kind: ParameterKind;
  shape: number[];
  /** Whether the optimiser changes it. Moving means and variances it does not. */
  trainable: boolean;
  /** Of those that are trained. */
  regularizer?: RegularizerPlan;
  constraint?: ConstraintPlan;
}

export type ParameterKind = 'kernel' | 'bias' | 'gamma' | 'beta' | 'movingMean' | 'movingVariance';

/**
 * The parameters of a plan, layer by layer: of a Dense its kernel [inputs, outputs], then its bias [outputs]; of a batch
 * normalisation those that {@link BatchNormalizationPlan} says.
 */
export function parametersOf(plan: Pick<TrainPlan, 'layers'>): Parameter[] {
  return plan.layers.flatMap(parametersOfLayer);
}

/** Those of one layer. */
export function parametersOfLayer(layer: LayerPlan): Parameter[] {
  const trainable = 'trainable' in layer ? layer.trainable !== false : true;
  const parameter = (
    kind: ParameterKind,
    shape: number[],
    regularizer?: RegularizerPlan,
    constraint?: ConstraintPlan,
  ): Parameter => ({
    layer: layer.name,
    kind,
    shape,
    trainable: trainable && !kind.startsWith('moving'),
    ...(trainable && regularizer && { regularizer }),
    ...(trainable && constraint && { constraint }),
  });
  if (layer.kind === 'batchNormalization') {
    const { channels, scale, center } = layer;
    const kinds = [...(scale ? ['gamma'] : []), ...(center ? ['beta'] : []), 'movingMean', 'movingVariance'];
    return kinds.map((kind) => parameter(kind as ParameterKind, [channels]));
  }
  if (layer.kind !== 'dense') return [];
  const { inputs, outputs, kernelRegularizer, kernelConstraint, biasRegularizer, biasConstraint } = layer;
  const kernel = parameter('kernel', [inputs, outputs], kernelRegularizer, kernelConstraint);
  if (!layer.useBias) return [kernel];
  return [kernel, parameter('bias', [outputs], biasRegularizer, biasConstraint)];
}

/** Numbers of a session's state: weights and optimiser slots. */
export function stateSize(plan: TrainPlan): number {
  const weights = parametersOf(plan).reduce((sum, { shape }) => sum + elements(shape), 0);
  return weights * (1 + slotsOf(plan.optimizer).length);
}

/** Names of the optimiser's slots, in their order in {@link SessionState}. */
export function slotsOf(optimizer: OptimizerPlan): string[] {
  const own = ownSlots(optimizer);
  return optimizer.gradientAccumulationSteps === undefined ? own : [...own, 'accumulator'];
}

function ownSlots(optimizer: OptimizerPlan): string[] {
  switch (optimizer.kind) {
    case 'sgd':
      return optimizer.momentum > 0 ? ['momentum'] : [];
    case 'adam':
    case 'adamw':
      return ['m', 'v'];
    case 'rmsprop':
      return ['v'];
  }
}

// ── State and data ──────────────────────────────────────────────────────────────────────────────────────────

/** Everything that training changes. Plain copies: whoever receives one owns it. */
export interface SessionState {
  /** Steps done so far, each of one batch. */
  step: number;
  /** One array a parameter, row-major, in the order of {@link parametersOf}. */
  weights: Float32Array[];
  /** slots[s][p]: slot s ({@link slotsOf}) of parameter p, of the parameter's size. */
  slots: Float32Array[][];
}

/**
 * Rows for training or evaluation, already checked: sizes agree, labels are in range, values are finite.
 * A backend copies what it needs before `upload` resolves.
 */
export interface Examples {
  rows: number;
  /** [rows, features]; uint8 stays uint8 until a row is gathered (its values are 0 … 255, unscaled). */
  x: Uint8Array | Float32Array;
  /** targets 'labels': Int32Array [rows]; 'values': Float32Array [rows, outputs]. */
  y: Int32Array | Float32Array;
  /** One factor a row for the loss; absent = 1. */
  weights?: Float32Array;
}

/** Examples on the device. Opaque; belongs to the session that made it. */
export interface Dataset {
  readonly rows: number;
  /** Frees the device's copy. Idempotent. */
  dispose(): void;
}

// ── Running ─────────────────────────────────────────────────────────────────────────────────────────────────

export interface Span {
  data: Dataset;
  /** Rows of `data` in training order. Step i takes rows [i·batchSize, (i+1)·batchSize); the last may be shorter. */
  order: Uint32Array;
  batchSize: number;
  /** Number of the first step since training began; dropout bits depend on it. */
  firstStep: number;
  /** One rate a step: its length, ⌈order.length / batchSize⌉, is the number of steps. */
  learningRates: Float32Array;
}

/** Progress within a span. Means over the rows done so far in this span. */
export interface Progress {
  stepsDone: number;
  loss: number;
  metrics: number[];
}

export interface Listener {
  /** Ends the span after the step at hand; the report then says 'aborted'. */
  signal?: AbortSignal;
  /** Called now and then while the span runs, never more than one call behind. */
  onProgress?(progress: Progress): void;
  /** Asks for {@link SpanReport.timeline}. Costs less than 2 % of a step; nothing where it is not asked for. */
  timeline?: boolean;
}

export interface SpanReport {
  stepsDone: number;
  /** 'aborted' also where the span ended early because a step's loss was not finite: that step is the last. */
  stopped: 'finished' | 'aborted';
  /** One loss a step done: the batch mean. */
  losses: Float32Array;
  /** One array a metric of the plan, one value a step done: the batch mean. */
  metrics: Float32Array[];
  /**
   * False where a weight was found that is not finite: kernels that leave out products with zeros do not see it in the loss, and look
   * from time to time. Absent: whatever is not finite is in the loss.
   */
  finite?: boolean;
  /** Where it was asked for and the session can tell. */
  timeline?: Timeline;
}

/**
 * A phase of a step. 'backward+update': a layer's way back, with the optimiser in the same kernels; of no layer, the
 * weights of all. 'loss' of a layer: with that layer's way forward, and the gradients before it. 'copy': of results from
 * a device. 'kernel': within another.
 */
export type Phase =
  | 'gather'
  | 'forward'
  | 'loss'
  | 'backward'
  | 'backward+update'
  | 'update'
  | 'record'
  | 'copy'
  | 'wait'
  | 'kernel';

export interface Work {
  phase: Phase;
  /** Name of the plan's layer; null where it is none's. */
  layer: string | null;
  /** What the library calls it; null for a phase. */
  kernel: string | null;
}

/** What a session did in a span and when. Times are microseconds on the clock of `performance.now() * 1000`. */
export interface Timeline {
  /** Who worked: the session's own thread first, then the others, or a device's stream. */
  tracks: string[];
  /** The track whose time is a step's: a device's, where the session only waits for it. */
  leading: number;
  works: Work[];
  /**
   * One entry a stretch of work, by track and then by begin. A stretch within another belongs to it. Kernels, and on a
   * device phases but for 'copy', may be known of some steps only; those whose kernels are known may be slower for it.
   */
  track: Uint16Array;
  /** Index in `works`. */
  work: Uint16Array;
  /** Of the span, from 0. */
  step: Int32Array;
  /** Share of its products that were computed: where zeros are left out, not all of them. Absent: all, everywhere. */
  density?: Float32Array;
  begin: Float64Array;
  end: Float64Array;
  /** When `run` was called, and when its work was done and known to JavaScript. */
  called: number;
  returned: number;
  /** Time spent after `returned`, to make this. */
  aside: number;
  /** What the smallest piece of work costs here, whatever it computes: a dispatched operation, or a barrier. */
  launch: number;
  /** Stretches of the session's thread for which there was no room. */
  lost: number;
}

export interface RowRange {
  begin: number;
  /** Exclusive. */
  end: number;
}

/** Means over rows, summed in float64; the loss with sample weights. */
export interface Metrics {
  loss: number;
  metrics: number[];
}

/**
 * One model on one device. Calls on a session run one after the other in the order they were made. After
 * `dispose` every other call rejects with ERR_STATE.
 */
export interface Session {
  /** Which kernels run: for people and for the run's record, e.g. {kernels: 'fused', isa: 'avx512', threads: 2}. */
  readonly description: SessionDescription;
  upload(examples: Examples): Promise<Dataset>;
  run(span: Span, listen?: Listener): Promise<SpanReport>;
  /** Rejects with the signal's reason when aborted. */
  evaluate(data: Dataset, rows: RowRange, batchSize: number, signal?: AbortSignal): Promise<Metrics>;
  /** Predictions [rows, outputs] for x [rows, features], row-major. */
  predict(x: Examples['x']): Promise<Float32Array>;
  readState(): Promise<SessionState>;
  writeState(state: SessionState): Promise<void>;
  /** Idempotent; aborts a running span first. */
  dispose(): Promise<void>;
}

// ── Backends ────────────────────────────────────────────────────────────────────────────────────────────────

export type BackendName = 'native' | 'tfjs';
export type Kernels = 'auto' | 'fused' | 'framework';
export type Precision = 'fp32' | 'tf32' | 'bf16';

/** What the user asked for; 'auto', the default where there is one, leaves the choice to us. */
export interface DeviceRequest {
  /** 'cuda' is the first GPU; they are numbered from 0, as CUDA does. */
  device: 'auto' | 'cpu' | 'cuda' | `cuda:${number}`;
  /** 'fused': ours; 'framework': the library's. 'auto': ours where they run the model, and are the faster. */
  kernels: Kernels;
  /** Of matrix products on a GPU; default 'fp32'. A CPU computes in fp32 alone. */
  precision: Precision;
  /** CPU threads, to 1024; 0, the default: one a core. */
  threads: number;
  /** Of TensorFlow.js; 'auto' takes the first in this order that runs. */
  tfjsEngine: 'auto' | 'node-gpu' | 'node' | 'wasm' | 'cpu';
}

/** One way to run: a device of a backend (native) or an engine of it (tfjs). */
export interface Candidate {
  /** 'libtorch', or a tfjs engine: 'node-gpu', 'node', 'wasm', 'cpu'. */
  engine: string;
  device: string;
  /** "NVIDIA H200", "AMD EPYC, 2 cores"; empty when not usable. */
  deviceName: string;
  usable: boolean;
  /** Why it is not usable, in a few words; empty when it is. */
  reason: string;
  /** What to do about it; empty when it is usable. */
  cure: string;
  /** Versions of the libraries behind it, by name. */
  versions: Record<string, string>;
  /** Whether the library behind it sees a GPU; absent where it could not use one, or was not asked. */
  gpuVisible?: boolean;
  /** Of a GPU: its compute capability ("9.0") and its memory. */
  capability?: string;
  memoryBytes?: number;
}

export interface SessionDescription {
  kernels: string;
  isa: string;
  threads: number;
  /** Why fused kernels cannot run the plan, where 'auto' would have taken them. */
  notFused?: string;
}

export interface Backend {
  readonly name: BackendName;
  readonly engine: string;
  /** 'cpu', 'cuda:0'. */
  readonly device: string;
  readonly deviceName: string;
  readonly versions: Record<string, string>;
  /** As in {@link Candidate}. */
  readonly gpuVisible?: boolean;
  /** Of matrix products; absent on a CPU, which has fp32 alone. */
  readonly precision?: Precision;
  /** The first part of the plan that this backend cannot run, as one sentence; null when it can run it all. */
  unsupported(plan: TrainPlan): string | null;
  createSession(plan: TrainPlan, state: SessionState): Promise<Session>;
}

export interface BackendProvider {
  readonly name: BackendName;
  /**
   * Every way of this backend, best first. Never throws, never crashes: loads native code in a child process only.
   * @param engine the only one that is asked for, where one is
   * @param fresh looks, although an earlier process has; default: what that one found counts while nothing has changed
   */
  probe(engine?: string, fresh?: boolean): Promise<Candidate[]>;
  /** Opens what was asked for; the choice among engines and devices has been made by selection. */
  open(request: DeviceRequest): Promise<Backend>;
}
