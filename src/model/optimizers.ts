import type { LossPlan } from '../backend/contract';
import type { LossConfig, MetricConfig, OptimizerConfig } from './compile';

export const optimizers = {
  sgd: (_o?: { learningRate?: number; momentum?: number; nesterov?: boolean }): OptimizerConfig => {
    throw new Error('to come');
  },
  adam: (_o?: {
    learningRate?: number;
    beta1?: number;
    beta2?: number;
    epsilon?: number;
  }): OptimizerConfig => {
    throw new Error('to come');
  },
  adamw: (_o?: {
    learningRate?: number;
    beta1?: number;
    beta2?: number;
    epsilon?: number;
    weightDecay?: number;
  }): OptimizerConfig => {
    throw new Error('to come');
  },
  rmsprop: (_o?: { learningRate?: number; rho?: number; epsilon?: number }): OptimizerConfig => {
    throw new Error('to come');
  },
};
type CrossEntropy = (options?: { fromLogits?: boolean }) => LossConfig;
export const losses = {} as Record<LossPlan['kind'], CrossEntropy>;
export const metrics = {} as { topK(k?: number, options?: { name?: string }): MetricConfig };
