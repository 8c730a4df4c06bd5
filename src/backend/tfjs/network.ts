import { type Metrics, parametersOfLayer, type TrainPlan, takesLogits } from '../contract';
import { leadingRescalings } from './dataset';
import type { Tensor, Tf } from './engine';
import { type Score, score, type Targets } from './head';
import { activate, activationGradient, backward, forward, type Pass, type Training } from './layers';
import { type Stopwatch, timed } from './stopwatch';

/** A plan's formulas in tensor operations. Holds no tensors; whoever calls tidies. */
export class Network {
  /** The layers that run on the engine: the leading rescalings are applied by the data. */
  private readonly layers: TrainPlan['layers'];
  /** First and one-past-last parameter of each of them. */
  private readonly spans: [number, number][] = [];
  /** The first of them that is trained. */
  private readonly lowest: number;

  constructor(
    private readonly tf: Tf,
    private readonly plan: TrainPlan,
  ) {
    this.layers = plan.layers.slice(leadingRescalings(plan).length);
    let next = 0;
    for (const layer of this.layers) {
      const count = parametersOfLayer(layer).length;
      this.spans.push([next, next + count]);
      next += count;
    }
    const first = this.layers.findIndex((layer) => parametersOfLayer(layer).some((each) => each.trainable));
    this.lowest = first < 0 ? this.layers.length : first;
  }

  /** Predictions, [outputs, rows], for x [features, rows]. */
  predict(parameters: Tensor[], x: Float32Array): Tensor {
    return activate(this.tf, this.plan.output, this.forward(parameters, x, null).logits);
  }

  /** Sums of loss and metrics over the rows of a batch. */
  evaluate(parameters: Tensor[], x: Float32Array, targets: Targets): Metrics {
    const { loss, metrics } = this.score(this.forward(parameters, x, null).logits, targets);
    return { loss, metrics };
  }

  /** As evaluate, in training, with the gradient of every parameter, and what moving averages become. */
  gradients(parameters: Tensor[], x: Float32Array, targets: Targets, training: Training, watch?: Stopwatch) {
    const { tf, layers, plan } = this;
    const { passes, logits } = this.forward(parameters, x, training, watch);
    const result = timed(watch, 'loss', null, () => {
      const scored = this.score(logits, targets, watch);
      const gradient: Tensor = tf.tensor2d(scored.gradient, [plan.outputs, targets.order.length]);
      if (takesLogits(plan.loss)) return { ...scored, gradient };
      const values = { z: logits, y: scored.predictions };
      return { ...scored, gradient: activationGradient(tf, plan.output, values, gradient) };
    });
    let { gradient } = result;
    const gradients: Tensor[] = [];
    for (let i = layers.length - 1; i >= this.lowest; i--) {
      const below = i > this.lowest;
      const own = timed(watch, 'backward', layers[i].name, () =>
        backward(tf, layers[i], parameters.slice(...this.spans[i]), passes[i], gradient, below),
      );
      gradients.unshift(...own.parameters);
      gradient = own.dx;
    }
    const rest = parameters.slice(0, parameters.length - gradients.length);
    gradients.unshift(...rest.map((w) => tf.zerosLike(w)));
    return { loss: result.loss, metrics: result.metrics, gradients, moving: this.movingOf(passes) };
  }

  /** By the place of the parameter: the moving means and variances after this step. */
  private movingOf(passes: readonly Pass[]): Map<number, Tensor> {
    const moved = passes.flatMap(({ moments }, i) => {
      const end = this.spans[i][1];
      return moments?.moving
        ? [[end - 2, moments.moving[0]] as const, [end - 1, moments.moving[1]] as const]
        : [];
    });
    return new Map(moved);
  }

  private forward(parameters: Tensor[], x: Float32Array, training: Training, watch?: Stopwatch) {
    const { tf, plan } = this;
    const copy = () => tf.tensor2d(x, [plan.features, x.length / plan.features]);
    let value: Tensor = timed(watch, 'copy', null, copy);
    const passes: Pass[] = this.layers.map((layer, i) => {
      const pass = timed(watch, 'forward', layer.name, () =>
        forward(tf, layer, parameters.slice(...this.spans[i]), value, training),
      );
      value = pass.y;
      return pass;
    });
    return { passes, logits: value };
  }

  private score(logits: Tensor, targets: Targets, watch?: Stopwatch): Score & { predictions: Tensor } {
    const { plan } = this;
    const needed = plan.metrics.length > 0 || !takesLogits(plan.loss);
    const predictions = needed ? activate(this.tf, plan.output, logits) : logits;
    // TensorFlow may still compute: what reading waits for is part of it.
    const values = timed(watch, 'copy', null, () => ({
      logits: read(logits),
      predictions: predictions === logits ? read(logits) : read(predictions),
    }));
    return { ...score(plan, values, targets), predictions };
  }
}

function read(tensor: Tensor): Float32Array {
  return tensor.dataSync<'float32'>();
}
