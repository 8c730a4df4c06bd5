import { boolean, closed, count, oneOf, range, real, wrong } from '../arguments';
import type { OptimizerPlan } from '../backend/contract';

/** An optimiser with its learning rate, JSON-safe. */
export type OptimizerConfig = OptimizerPlan & { learningRate: number };
export type OptimizerName = OptimizerPlan['kind'];

/** Options of every optimiser. */
interface Common {
  /** Default 0.001, sgd 0.01; from 0, where a schedule may end. */
  learningRate?: number;
  /**
   * Greatest L2 norm of all gradients together: where they are longer, they are shortened to it before the update.
   * Keras' global_clipnorm; default: no clipping. Greater than 0.
   */
  clipNorm?: number;
  /**
   * Every so many steps one update, with the mean of their batches' gradients: as a batch so many times as large. From 2;
   * default (and 1): each step updates. Counted over the whole training, as Keras does: across the ends of epochs.
   */
  gradientAccumulationSteps?: number;
}

const COMMON = ['learningRate', 'clipNorm', 'gradientAccumulationSteps'] as const;

export interface SgdOptions extends Common {
  /** μ, from 0 (the default) to below 1. */
  momentum?: number;
  /** Whether the step looks ahead by the velocity; default false. */
  nesterov?: boolean;
}

export interface AdamOptions extends Common {
  /** β₁, from 0 to below 1: how much of the gradients' mean m is kept; default 0.9. */
  beta1?: number;
  /** β₂, from 0 to below 1: how much of the mean v of their squares is kept; default 0.999. */
  beta2?: number;
  /** ε, greater than 0; default 1e-7. */
  epsilon?: number;
}

export interface AdamwOptions extends AdamOptions {
  /** From 0: share of a weight, times the rate, that goes in each step; default 0.004. */
  weightDecay?: number;
}

export interface RmspropOptions extends Common {
  /** ρ, from 0 to below 1: how much of the mean v of squared gradients is kept; default 0.9. */
  rho?: number;
  /** ε, greater than 0; default 1e-7. */
  epsilon?: number;
}

/** One that changes is a callback's. */
function learningRateOf(where: string, rate: unknown, fallback: number): number {
  if (typeof rate === 'function')
    throw wrong(
      where,
      'learningRate',
      rate,
      'a number',
      'give fit the callback learningRateScheduler(schedule)',
    );
  return real(where, 'learningRate', rate, fallback, range.notNegative);
}

function common(where: string, o: Common, fallback = 0.001): Common & { learningRate: number } {
  const { clipNorm, gradientAccumulationSteps: given } = o;
  const steps = count(where, 'gradientAccumulationSteps', given, { fallback: 1 });
  return {
    learningRate: learningRateOf(where, o.learningRate, fallback),
    ...(clipNorm !== undefined && { clipNorm: real(where, 'clipNorm', clipNorm, undefined, range.positive) }),
    ...(steps > 1 && { gradientAccumulationSteps: steps }),
  };
}

/** velocity = μ·velocity − α·g; w += velocity (nesterov: w += μ·velocity − α·g). */
function sgd(options?: SgdOptions): OptimizerConfig {
  const where = 'optimizers.sgd';
  const o = closed<SgdOptions>(where, options, [...COMMON, 'momentum', 'nesterov']);
  return {
    kind: 'sgd',
    ...common(where, o, 0.01),
    momentum: real(where, 'momentum', o.momentum, 0, range.fraction),
    nesterov: boolean(where, 'nesterov', o.nesterov, false),
  };
}

function moments(where: string, o: AdamOptions) {
  return {
    ...common(where, o),
    beta1: real(where, 'beta1', o.beta1, 0.9, range.fraction),
    beta2: real(where, 'beta2', o.beta2, 0.999, range.fraction),
    epsilon: real(where, 'epsilon', o.epsilon, 1e-7, range.divisor),
  };
}

/** α = lr·√(1−β₂ᵗ)/(1−β₁ᵗ); m += (g−m)(1−β₁); v += (g²−v)(1−β₂); w −= α·m/(√v+ε). */
function adam(options?: AdamOptions): OptimizerConfig {
  const where = 'optimizers.adam';
  const o = closed<AdamOptions>(where, options, [...COMMON, 'beta1', 'beta2', 'epsilon']);
  return { kind: 'adam', ...moments(where, o) };
}

/** adam after w −= lr·weightDecay·w, for kernels and biases alike. */
function adamw(options?: AdamwOptions): OptimizerConfig {
  const where = 'optimizers.adamw';
  const o = closed<AdamwOptions>(where, options, [...COMMON, 'beta1', 'beta2', 'epsilon', 'weightDecay']);
  const weightDecay = real(where, 'weightDecay', o.weightDecay, 0.004, range.notNegative);
  return { kind: 'adamw', ...moments(where, o), weightDecay };
}

/** v = ρ·v + (1−ρ)·g²; w −= lr·g/√(v+ε). */
function rmsprop(options?: RmspropOptions): OptimizerConfig {
  const where = 'optimizers.rmsprop';
  const o = closed<RmspropOptions>(where, options, [...COMMON, 'rho', 'epsilon']);
  return {
    kind: 'rmsprop',
    ...common(where, o),
    rho: real(where, 'rho', o.rho, 0.9, range.fraction),
    epsilon: real(where, 'epsilon', o.epsilon, 1e-7, range.divisor),
  };
}

/** The optimisers there are, with Keras' defaults; a name alone, as 'adam', is one with all of them. All throw ERR_ARG naming the option. */
export const optimizers = { sgd, adam, adamw, rmsprop };

const NAMES = Object.keys(optimizers) as OptimizerName[];

/** A checked, complete config of a name or of (possibly foreign) data. */
export function optimizerConfig(value: unknown): OptimizerConfig {
  if (typeof value === 'object' && value !== null) {
    const { kind, ...options } = value as { kind?: unknown };
    return optimizers[oneOf('compile', 'optimizer.kind', kind, NAMES)](options);
  }
  if (typeof value !== 'string') throw wrong('compile', 'optimizer', value, `one of ${NAMES.join(', ')}`);
  return optimizers[oneOf('compile', 'optimizer', value, NAMES)]();
}
