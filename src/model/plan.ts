/** Lowers a layout and a training config to the plan that backends run. */
import {
  type Activation,
  type DenseActivation,
  type LayerPlan,
  type MetricPlan,
  type OutputActivation,
  type TrainPlan,
  takesLogits,
} from '../backend/contract';
import { FusorError } from '../errors';
import { elements } from '../shape';
import type { TrainingConfig } from './compile';
import { NEGATIVE_SLOPE } from './layers';
import type { Layout, PlacedLayer } from './layout';
import type { LossConfig } from './losses';
import type { MetricConfig } from './metrics';

/**
 * @param seed key of the dropout bits
 * @throws ERR_PLAN when outputs, loss and metrics do not go together, saying what to change
 */
export function planOf(layout: Layout, training: TrainingConfig, seed: number): TrainPlan {
  if (layout.parameterCount === 0)
    throw new FusorError('ERR_PLAN', [
      'the model has nothing to train',
      'compile',
      'add layers.dense(units)',
    ]);
  const { layers, output } = liftOutput(foldActivations(layout.layers));
  const outputs = elements(layout.outputShape);
  const { learningRate: _, ...optimizer } = training.optimizer;
  const { fromLogits: __, ...loss } = training.loss;
  const plan: TrainPlan = {
    features: elements(layout.inputShape),
    outputs,
    layers,
    output,
    targets: training.loss.kind === 'sparseCategoricalCrossentropy' ? 'labels' : 'values',
    loss,
    optimizer,
    metrics: [],
    seed,
  };
  checkOutput(plan, training.loss);
  plan.metrics = training.metrics.map((metric) => metricPlan(metric, plan, training.loss));
  return plan;
}

const OF_DENSE = ['linear', 'relu', 'sigmoid', 'tanh', 'elu', 'gelu'] as const satisfies DenseActivation[];
const OF_OUTPUT = [...OF_DENSE, 'softmax'] as const satisfies OutputActivation[];

const isOneOf = <A extends Activation>(activation: Activation, these: readonly A[]): activation is A =>
  these.includes(activation as A);

/** One plan layer for each that computes something; elementwise activations join a linear dense before them. */
function foldActivations(placed: readonly PlacedLayer[]): LayerPlan[] {
  const out: LayerPlan[] = [];
  const activate = (name: string, width: number, activation: Activation, slope = NEGATIVE_SLOPE): void => {
    const last = out.at(-1);
    if (activation === 'linear') return;
    if (last?.kind === 'dense' && last.activation === 'linear' && isOneOf(activation, OF_DENSE))
      last.activation = activation;
    else if (activation === 'leakyRelu')
      out.push({ kind: 'activation', name, width, activation, negativeSlope: slope });
    else out.push({ kind: 'activation', name, width, activation });
  };
  let stream = 0;
  for (const { name, config, inputShape } of placed) {
    const width = elements(inputShape);
    switch (config.className) {
      case 'Flatten':
        break;
      case 'Rescaling': {
        const { scale, offset } = config.config;
        out.push({ kind: 'rescaling', name, width, scale, offset });
        break;
      }
      case 'Dropout':
        out.push({ kind: 'dropout', name, width, rate: config.config.rate, stream: stream++ });
        break;
      case 'BatchNormalization': {
        const { name: _, inputShape: __, ...own } = config.config;
        out.push({ kind: 'batchNormalization', name, width, channels: inputShape.at(-1)!, ...own });
        break;
      }
      case 'Activation':
        activate(name, width, config.config.activation, config.config.negativeSlope);
        break;
      case 'Dense': {
        // What weights begin with is drawn before there is a session.
        const { kernelInitializer: _, biasInitializer: __, ...rest } = config.config;
        const { units, useBias, activation, name: ___, inputShape: ____, ...restraints } = rest;
        const own = { inputs: width, outputs: units, useBias, ...restraints };
        out.push({ kind: 'dense', name, ...own, activation: 'linear' });
        activate(`${name}_activation`, units, activation);
        break;
      }
    }
  }
  return out;
}

/** The last layer's activation belongs to the loss: what is left are the layers up to the logits. */
function liftOutput(layers: LayerPlan[]): { layers: LayerPlan[]; output: OutputActivation } {
  const last = layers.at(-1);
  if (last?.kind === 'activation' && isOneOf(last.activation, OF_OUTPUT))
    return { layers: layers.slice(0, -1), output: last.activation };
  if (last?.kind !== 'dense') return { layers, output: 'linear' };
  return { layers: [...layers.slice(0, -1), { ...last, activation: 'linear' }], output: last.activation };
}

/** Cross-entropies are computed from logits, so the output must be the activation that they imply, or none. */
function checkOutput({ layers, output, outputs }: TrainPlan, { kind, fromLogits }: LossConfig): void {
  const refuse = (what: string, mend: string): never => {
    throw new FusorError('ERR_PLAN', [what, 'compile', mend], { loss: kind, output, outputs, fromLogits });
  };
  if (!takesLogits({ kind })) return;
  const implied = kind === 'binaryCrossentropy' ? 'sigmoid' : 'softmax';
  if (implied === 'softmax' && outputs < 2)
    refuse(
      `${kind} needs an output for each class, the model has ${outputs}`,
      "for two classes use one sigmoid output and 'binaryCrossentropy'",
    );
  if (fromLogits && output !== 'linear')
    refuse(
      `${kind} with fromLogits needs a linear last layer, it is ${output}`,
      output === implied ? 'leave out fromLogits' : 'remove the last activation',
    );
  if (fromLogits || output === implied) return;
  const last = layers.at(-1)?.kind;
  if (output === 'linear' && last !== 'dense')
    refuse(
      `${kind} needs probabilities, but the model ends with a ${last} layer`,
      `let a dense layer with the activation '${implied}' be the last`,
    );
  if (output === 'linear')
    refuse(
      `${kind} needs probabilities, but the last layer is linear`,
      `make its activation '${implied}' or use losses.${kind}({ fromLogits: true })`,
    );
  const fitting = { sigmoid: 'binaryCrossentropy', softmax: 'categoricalCrossentropy' }[output as string];
  refuse(
    `${kind} does not go with a last activation of ${output}`,
    `make the last activation '${implied}'${fitting ? ` or the loss '${fitting}'` : ''}`,
  );
}

function metricPlan(metric: MetricConfig, plan: TrainPlan, loss: LossConfig): MetricPlan {
  const refuse = (what: string, mend: string): never => {
    throw new FusorError('ERR_PLAN', [what, `compile, metric "${metric.name}"`, mend], {
      metric: metric.name,
    });
  };
  const { name } = metric;
  if (metric.kind === 'topK') {
    if (loss.kind === 'binaryCrossentropy' || plan.outputs < 2)
      refuse('topK needs one output a class', 'use it with a categorical cross-entropy');
    if (metric.k > plan.outputs)
      refuse(`topK needs k ≤ ${plan.outputs}, the number of outputs, got ${metric.k}`, 'lower k');
    return { kind: 'topK', name, k: metric.k };
  }
  if (metric.kind === 'accuracy') {
    if (loss.kind === 'binaryCrossentropy')
      return { kind: 'binaryAccuracy', name, threshold: loss.fromLogits ? 0 : 0.5 };
    const classes = plan.outputs > 1 && plan.output === 'softmax';
    if (loss.kind.endsWith('Crossentropy') || classes) return { kind: 'categoricalAccuracy', name };
    refuse(`accuracy has no meaning for ${loss.kind} with ${plan.output} outputs`, "use 'mse' or 'mae'");
  }
  if (loss.labelSmoothing !== undefined)
    refuse(
      `${metric.kind} would measure the distance to the smoothed targets`,
      "use 'accuracy', or a loss without labelSmoothing",
    );
  if (plan.targets === 'labels')
    refuse(
      'class labels cannot be compared with outputs',
      "use 'accuracy' or the loss 'categoricalCrossentropy'",
    );
  return { kind: metric.kind as 'meanSquaredError' | 'meanAbsoluteError', name };
}

/** What a session depends on: the seed counts only where something is dropped. */
export function planKey(plan: TrainPlan): string {
  const drops = plan.layers.some(({ kind }) => kind === 'dropout');
  return JSON.stringify(drops ? plan : { ...plan, seed: 0 });
}
