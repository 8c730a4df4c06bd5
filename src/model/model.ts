import { AsyncLocalStorage } from 'node:async_hooks';
import { closed, count, range, reading, real } from '../arguments';
import { parametersOf, type Session, type SessionState, type TrainPlan } from '../backend/contract';
import { checkedDevice, type DeviceOptions } from '../backend/request';
import { checkStillThere, inputsOf } from '../data/examples';
import type { ArrayLike, NDArray } from '../data/ndarray';
import { isStream } from '../data/row-source';
import { FusorError } from '../errors';
import { chooseSeed } from '../random';
import { checkpointOf, loadCheckpoint } from '../runs/checkpoint-folder';
import type { TrainedModel } from '../train/callbacks';
import { abortError, failureOf } from '../train/ends';
import { evaluateStream } from '../train/feed';
import { runFit } from '../train/fit';
import type { History } from '../train/history';
import {
  checkedSignal,
  type FitOptions,
  type FitRows,
  fitArguments,
  givenOptions,
  withWeights,
} from '../train/options';
import { type CompileOptions, compileConfig, DEVICE_KEYS, type TrainingConfig } from './compile';
import type { LayerConfig } from './layers';
import { initializersOf, type Layout, layoutOf } from './layout';
import { planOf } from './plan';
import { dataShape, prepareFit, rowsOf } from './prepare-fit';
import { Runtime, type Select } from './runtime';
import { summaryOf } from './summary';
import type { EvaluateOptions, Evaluation, ModelConfig, RuntimeInfo } from './types';
import { weightArrays } from './weights';

export type { EvaluateOptions, Evaluation, ModelConfig, RuntimeInfo } from './types';

/** What predict plans with before compile: nothing of it takes part in a prediction. */
const UNCOMPILED: TrainingConfig = {
  optimizer: { kind: 'sgd', learningRate: 0.01, momentum: 0, nesterov: false },
  loss: { kind: 'meanSquaredError', fromLogits: false },
  metrics: [],
};

/** Numbers that predict hands to a session at once. */
const PREDICT_CHUNK = 2 ** 22;

/** The model that work is part of which is to leave no trace. */
const within = new AsyncLocalStorage<Model>();

/**
 * A stack of layers, and its training. Made by {@link sequential}. Weights and optimiser state live on the device
 * from the first call that needs them until {@link Model.dispose}. That call opens the backend, whichever it is (fit, evaluate, predict,
 * runtime), and ends with ERR_BACKEND_UNAVAILABLE or ERR_BACKEND_CONFLICT where it cannot be had, with ERR_UNSUPPORTED where it cannot
 * run this model; all that compute may end with ERR_OUT_OF_MEMORY, or, on a GPU, with ERR_DEVICE_LOST.
 */
export class Model implements TrainedModel {
  readonly #layout: Layout;
  readonly #runtime: Runtime;
  #training: TrainingConfig | undefined;
  #plan: TrainPlan | undefined;
  #fitting = false;
  /** Whether work runs that is to leave no trace. */
  #held = false;

  /** @param select for tests: the choice of a backend */
  constructor(
    layers: readonly LayerConfig[],
    readonly name: string,
    select?: Select,
  ) {
    this.#layout = layoutOf(layers);
    this.#runtime = new Runtime(initializersOf(this.#layout), select);
  }

  /** Without the batch dimension. */
  get inputShape(): readonly number[] {
    return this.#layout.inputShape;
  }

  /** Without the batch dimension. */
  get outputShape(): readonly number[] {
    return this.#layout.outputShape;
  }

  /** In their order; those that were not named are called by their kind: 'dense', 'dense_1'. */
  get layerNames(): readonly string[] {
    return this.#layout.layers.map(({ name }) => name);
  }

  /** Numbers of all {@link Model.weightNames}, those that are not trained, and moving averages, included. */
  get parameterCount(): number {
    return this.#layout.parameterCount;
  }

  /** 'dense/kernel', 'dense/bias', …: in the order of {@link Model.getWeights}. */
  get weightNames(): readonly string[] {
    return parametersOf(this.plan()).map(({ layer, kind }) => `${layer}/${kind}`);
  }

  /** The optimiser's rate now; a new one (finite, ≥ 0) holds from the next fit on. */
  get learningRate(): number {
    return this.#runtime.position.learningRate;
  }

  set learningRate(rate: number) {
    this.#notFitting('learningRate');
    this.#runtime.position.learningRate = real('Model', 'learningRate', rate, undefined, range.notNegative);
  }

  /** Steps trained since compile, over all fits. */
  get step(): number {
    return this.#runtime.step;
  }

  /** What sessions are made from. Before compile: with a stand-in for the training. */
  plan(): TrainPlan {
    this.#plan ??= planOf(this.#layout, UNCOMPILED, 0);
    return this.#plan;
  }

  /**
   * Says how to train, and where. Again at any time but during a fit: weights stay, the optimiser begins anew, as in
   * Keras. For another rate alone set `learningRate`, for another device alone call runOn.
   * @throws ERR_ARG, ERR_PLAN when outputs, loss and metrics do not go together, ERR_STATE
   */
  compile(options: CompileOptions): void {
    this.#notFitting('compile');
    const { training, where } = compileConfig(options);
    this.#plan = planOf(this.#layout, training, training.seed ?? 0);
    this.#training = training;
    this.#runtime.request(where);
    this.#runtime.restart();
    this.#runtime.position.learningRate = training.optimizer.learningRate;
  }

  /** Says where to run, as compile does, and nothing else: also for a model that is not compiled. @throws ERR_ARG, ERR_STATE during a fit */
  runOn(where: DeviceOptions): void {
    this.#notFitting('runOn');
    this.#runtime.request(checkedDevice('runOn', closed<DeviceOptions>('runOn', where, DEVICE_KEYS)));
  }

  /**
   * Trains.
   * @param x [rows, …inputShape]; uint8 stays uint8 on the device, all else becomes float32. Not to be changed until
   *   fit is done; of shared memory a copy is taken, in which what another thread writes meanwhile may be or not
   * @param y class labels [rows] for sparseCategoricalCrossentropy, else [rows, outputs]
   * @throws ERR_ARG, ERR_SHAPE, ERR_STATE, ERR_DATA_…, ERR_LABEL_RANGE, ERR_NONFINITE_INPUT, ERR_CKPT_… before anything
   *   is done; ERR_NONFINITE_LOSS or the signal's reason on the way, with the `history` so far
   */
  fit(x: ArrayLike, y: ArrayLike, options?: FitOptions): Promise<History>;
  /**
   * Trains on { x, y, sampleWeight }, or on a source of such chunks, which need not fit into memory together: a buffer of
   * its rows trains while the next one is read. Rows are shuffled within a buffer (see FitOptions.bufferRows); one that
   * holds all of them, or shuffle: false, trains exactly as arrays do. What is wrong with a chunk is said when it comes.
   */
  fit(rows: FitRows, options?: FitOptions): Promise<History>;
  async fit(...args: [unknown, unknown?, unknown?]): Promise<History> {
    const { rows, options } = fitArguments(args);
    this.#notFitting('fit');
    const training = this.#compiled('fit');
    this.#fitting = true;
    try {
      const { position, disposed } = this.#runtime;
      const given = givenOptions(options);
      // Without a path nothing is waited for: what is called after fit comes after it.
      const named = typeof given.resume === 'string';
      const resume = checkpointOf(named ? await loadCheckpoint(given.resume as string) : given.resume);
      const { plan, job } = prepareFit(this.#layout, training, rows, given, resume);
      this.#plan = plan;
      if (resume) {
        await this.#runtime.writeState(plan, resume.state);
        position.learningRate = resume.learningRate;
      }
      const inTurn = <T>(work: () => Promise<T>) => this.#runtime.inTurn(work);
      const train = ({ session }: { session: Session }) =>
        runFit({ ...job, session, position, disposed, inTurn, model: this });
      return await this.#runtime.use(plan, job.seed, train, true);
    } finally {
      this.#fitting = false;
    }
  }

  /**
   * Loss and metrics over all rows, by name. These are not to be changed until it is done. While a fit runs it waits for the
   * steps at hand: the rest of the epoch, or fewer where a callback asks for some (`everySteps`).
   * @throws as {@link Model.fit}
   */
  evaluate(x: ArrayLike, y: ArrayLike, options?: EvaluateOptions): Promise<Evaluation>;
  /** Over { x, y, sampleWeight }, or over a source as fit takes it. */
  evaluate(rows: FitRows, options?: EvaluateOptions): Promise<Evaluation>;
  async evaluate(...args: [unknown, unknown?, unknown?]): Promise<Evaluation> {
    const where = 'evaluate';
    const { rows, options } = fitArguments(args, where);
    const o = closed<EvaluateOptions>(where, options, ['batchSize', 'sampleWeight', 'signal']);
    const batchSize = count(where, 'batchSize', o.batchSize, { fallback: 32 });
    const signal = checkedSignal(where, o.signal);
    this.#compiled(where);
    const plan = this.plan();
    const shape = dataShape(this.#layout, plan);
    const examples = reading(where, () => rowsOf(shape, withWeights(where, rows, o.sampleWeight), where));
    if (signal?.aborted) throw abortError(signal);
    const ends = { signal, disposed: this.#runtime.disposed };
    const means = async ({ session }: { session: Session }) => {
      if (isStream(examples))
        return this.#runtime.asReader(() =>
          evaluateStream(
            session,
            examples,
            { plan, seed: 0, epoch: 0, batchSize, bufferRows: null, ...ends },
            where,
          ),
        );
      checkStillThere(examples, plan, where);
      const data = await session.upload(examples);
      try {
        return await session.evaluate(data, { begin: 0, end: data.rows }, batchSize, signal);
      } finally {
        data.dispose();
      }
    };
    try {
      const { loss, metrics } = await this.#runtime.use(plan, this.#seed(), means);
      return { loss, ...Object.fromEntries(plan.metrics.map(({ name }, i) => [name, metrics[i]])) };
    } catch (error) {
      throw failureOf(error, ends, where);
    }
  }

  /**
   * Predictions, float32 [rows, outputs]: the values after the last activation. x is not to be changed until it is done. While a
   * fit runs it waits as evaluate does; to answer requests meanwhile, predict with another model that takes its weights.
   * @param options batchSize: rows at a time; by default as many as make good use of the device
   * @throws ERR_ARG, ERR_SHAPE, ERR_DATA_EMPTY, ERR_NONFINITE_INPUT, ERR_STATE
   */
  async predict(x: ArrayLike, options?: { batchSize?: number }): Promise<NDArray<Float32Array>> {
    const where = 'predict';
    const { batchSize } = closed<{ batchSize?: number }>(where, options, ['batchSize']);
    const plan = this.plan();
    const { features, outputs } = plan;
    const fallback = Math.max(1, Math.floor(PREDICT_CHUNK / Math.max(features, outputs)));
    const chunk = count(where, 'batchSize', batchSize, { fallback });
    const { rows, x: inputs } = reading(where, () => inputsOf(dataShape(this.#layout, plan), x, where));
    return this.#runtime.use(plan, this.#seed(), async ({ session }) => {
      const data = new Float32Array(rows * outputs);
      const each = async () => {
        for (let row = 0; row < rows; row += chunk) {
          checkStillThere({ rows, x: inputs }, plan, where);
          const part = inputs.subarray(row * features, (row + chunk) * features);
          data.set(await session.predict(part), row * outputs);
        }
      };
      // All rows by the same weights, also during a fit.
      await (rows > chunk ? this.#runtime.inTurn(each) : each());
      return { data, shape: [rows, outputs] };
    });
  }

  /**
   * Kernel [inputs, units] and bias [units] of each dense layer; gamma, beta, moving mean and moving variance of each batch
   * normalisation, those that there are; copies, in the order of {@link Model.weightNames}. During a fit those after the span.
   */
  async getWeights(): Promise<NDArray<Float32Array>[]> {
    const plan = this.plan();
    const { weights } = await this.readState();
    return parametersOf(plan).map(({ shape }, p) => ({ data: weights[p], shape }));
  }

  /** The optimiser's state stays, or starts afresh where it is of a training that diverged. @throws ERR_SHAPE naming the layer, ERR_NONFINITE_WEIGHTS, ERR_STATE */
  async setWeights(weights: readonly NDArray[]): Promise<void> {
    this.#notHeld('setWeights');
    const plan = this.plan();
    const arrays = reading('setWeights', () => weightArrays(plan, weights));
    await this.#runtime.writeWeights(plan, arrays, this.#seed());
  }

  /** Weights, optimiser slots and step: all that a checkpoint of the training holds. */
  readState(): Promise<SessionState> {
    return this.#runtime.readState(this.plan(), this.#seed());
  }

  /** @throws ERR_SHAPE, ERR_NONFINITE_WEIGHTS, ERR_ARG, ERR_STATE; the model then is as before */
  async writeState(state: SessionState): Promise<void> {
    this.#notHeld('writeState');
    return this.#runtime.writeState(this.plan(), state);
  }

  /**
   * Does `work`, then brings weights, optimiser and learning rate back; where none were drawn yet, none are. Nobody else may change
   * the model meanwhile.
   * @throws ERR_STATE while a fit, or other such work, is running
   */
  async untouched<T>(work: () => Promise<T>): Promise<T> {
    this.#notFitting('untouched');
    const plan = this.plan();
    const { position } = this.#runtime;
    const { learningRate } = position;
    this.#held = true;
    try {
      const before = await this.#runtime.readState(plan, undefined);
      try {
        return await within.run(this, work);
      } finally {
        await (before ? this.#runtime.writeState(plan, before) : this.#runtime.forget());
        position.learningRate = learningRate;
      }
    } finally {
      this.#held = false;
    }
  }

  /** What it runs on, exactly; opens the session. */
  async runtime(): Promise<RuntimeInfo> {
    return this.#runtime.use(this.plan(), undefined, async ({ session, selection }) => {
      const { name, engine, device, deviceName, versions, gpuVisible, precision } = selection.backend;
      const { kernels, isa, threads, notFused } = session.description;
      const better =
        notFused === undefined ? [] : [{ candidate: 'fused kernels', reason: notFused, cure: '' }];
      const steppedDown = [...selection.steppedDown, ...better];
      const runs = { engine, device, deviceName, kernels, isa, threads, versions };
      const gpu = { ...(gpuVisible !== undefined && { gpuVisible }), ...(precision && { precision }) };
      return { backend: name, ...runs, ...gpu, steppedDown };
    });
  }

  /** A table of the layers, their output shapes and parameters. */
  summary(): string {
    return summaryOf(this.name, this.#layout);
  }

  /** Names and shapes settled; {@link modelFromJSON} makes an equal model, without the weights. */
  toJSON(): ModelConfig {
    const layers = this.#layout.layers.map(({ name, config, inputShape }, i) => {
      const { inputShape: _, ...rest } = config.config;
      const place = i === 0 ? { inputShape: [...inputShape] } : {};
      return { className: config.className, config: { name, ...rest, ...place } } as LayerConfig;
    });
    const json: ModelConfig = { className: 'Sequential', name: this.name, layers };
    if (this.#training) {
      const { optimizer, ...rest } = this.#training;
      json.compile = structuredClone({
        ...rest,
        optimizer: { ...optimizer, learningRate: this.learningRate },
      });
    }
    return json;
  }

  /** Gives back what the model holds on the device; ends a running fit. Every later call but this is ERR_STATE. */
  dispose(): Promise<void> {
    return this.#runtime.dispose();
  }

  /** `await using model = sequential(…)`: {@link Model.dispose} where its scope ends. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }

  /** Refuses who is not part of work that is to leave no trace. */
  #notHeld(where: string): void {
    if (this.#held && within.getStore() !== this)
      throw new FusorError('ERR_STATE', ['work runs that is to leave no trace', where, 'await it first']);
  }

  #notFitting(where: string): void {
    this.#notHeld(where);
    if (this.#fitting) throw new FusorError('ERR_STATE', ['a fit is running', where, 'await it first']);
  }

  #compiled(where: string): TrainingConfig {
    if (this.#training) return this.#training;
    throw new FusorError('ERR_STATE', [
      'the model is not compiled',
      where,
      "call model.compile({ optimizer: 'adam', loss: … }) first",
    ]);
  }

  /** For weights that are needed before a fit has drawn them. */
  #seed(): number {
    return this.#training?.seed ?? chooseSeed();
  }
}

// Keras' and TensorFlow.js' way to end a fit would be lost without a word; not declared, so that types refuse it, too.
Object.defineProperty(Model.prototype, 'stopTraining', {
  set() {
    throw new FusorError('ERR_ARG', [
      'stopTraining does nothing',
      'Model',
      "in a callback call its context's stop()",
    ]);
  },
});
