/** What TensorFlow.js and Keras call the activations that they name otherwise. */
import type { Activation } from '../../backend/contract';
import type { LayerConfig } from '../../model/layers';
import type { Json } from './json';

const OURS: Readonly<Record<string, Activation>> = { swish: 'silu', leaky_relu: 'leakyRelu' };

/** Ours for theirs; what is not known stays as it is, and is refused where the layer is made. */
export function readActivation(name: unknown): unknown {
  return typeof name === 'string' && Object.hasOwn(OURS, name) ? OURS[name] : name;
}

/**
 * A layer whose activation they have as another class. @param slopeKey what the slope is called: Keras 3 has renamed it
 * @param names of ours that they name otherwise
 */
export function renamed(
  { className, config }: LayerConfig,
  slopeKey: 'alpha' | 'negative_slope',
  names: Readonly<Partial<Record<Activation, string>>>,
): { className: string; config: Json } {
  if (className !== 'Dense' && className !== 'Activation') return { className, config };
  const { activation, negativeSlope, ...own } = config as Json & { activation: Activation };
  if (className === 'Activation' && activation === 'leakyRelu')
    return { className: 'LeakyReLU', config: { ...own, [slopeKey]: negativeSlope } };
  return { className, config: { ...own, activation: names[activation] ?? activation } };
}
