import { type Parameter, parametersOf, type TrainPlan } from '../contract';
import type { Tensor, Tf } from './engine';
import { clipped, updateOf } from './optimizers';
import { constrained, regularized } from './restraints';

/** One tensor a parameter, and of each slot the same. */
export interface Variables {
  weights: Tensor[];
  /** slots[s][p]. */
  slots: Tensor[][];
}

/** What a step makes of the weights and slots. Holds no tensors; whoever calls tidies. */
export class Updater {
  private readonly parameters: readonly Parameter[];

  constructor(
    private readonly tf: Tf,
    private readonly plan: TrainPlan,
  ) {
    this.parameters = parametersOf(plan);
  }

  /**
   * All of them anew, so that the old ones can be freed.
   * @param gradients of the loss without its penalty
   * @param moving what moving averages become, by the place of the parameter
   * @param step from 0
   */
  next(
    old: Variables,
    { gradients, moving }: { gradients: readonly Tensor[]; moving: ReadonlyMap<number, Tensor> },
    step: number,
    rate: number,
  ): Variables {
    const { weights, slots } = this.updated(old, gradients, step, rate);
    const held = weights.map((w, p) => moving.get(p) ?? constrained(this.tf, this.parameters[p], w));
    return { weights: held, slots };
  }

  private updated(old: Variables, gradients: readonly Tensor[], step: number, rate: number): Variables {
    const own = regularized(this.tf, this.parameters, old.weights, gradients);
    const every = this.plan.optimizer.gradientAccumulationSteps;
    if (every === undefined) return this.update(old, own, step + 1, rate);
    const slots = old.slots.slice(0, -1);
    const sums = own.map((g, p) => this.tf.add(g, old.slots[slots.length][p]));
    if ((step + 1) % every > 0) {
      const same = (tensors: Tensor[]) => tensors.map((tensor) => tensor.clone());
      return { weights: same(old.weights), slots: [...slots.map(same), sums] };
    }
    const means = sums.map((sum) => this.tf.div(sum, every));
    const updated = this.update({ ...old, slots }, means, Math.floor(step / every) + 1, rate);
    return { ...updated, slots: [...updated.slots, sums.map((sum) => this.tf.zerosLike(sum))] };
  }

  private update({ weights, slots }: Variables, gradients: Tensor[], t: number, rate: number): Variables {
    const { tf } = this;
    const { optimizer } = this.plan;
    const short = clipped(tf, optimizer, gradients);
    const update = updateOf(tf, optimizer, rate, t);
    const updated = weights.map((w, p) => {
      const own = slots.map((slot) => slot[p]);
      return this.parameters[p].trainable ? update(w, short[p], own) : [w, ...own].map((t) => t.clone());
    });
    return {
      weights: updated.map(([w]) => w),
      slots: slots.map((_, s) => updated.map((tensors) => tensors[s + 1])),
    };
  }
}
