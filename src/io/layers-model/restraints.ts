/** Regularisers and constraints of Dense layers ↔ those of TensorFlow.js and Keras, which have them alike. */
import { show } from '../../arguments';
import type { ConstraintPlan, RegularizerPlan, Restraints } from '../../backend/contract';
import { refused } from '../../files/refused';
import type { Json, Place } from './json';

/** Their names of ours. */
const KEYS = {
  kernel_regularizer: 'kernelRegularizer',
  bias_regularizer: 'biasRegularizer',
  kernel_constraint: 'kernelConstraint',
  bias_constraint: 'biasConstraint',
} as const;
type Key = keyof typeof KEYS;

/** As {class_name, config}; values are checked when the model is made. @throws ERR_FILE_FORMAT for those that there are none of here */
export function readRestraints(config: Json, place: Place): Json {
  const entries = (Object.keys(KEYS) as Key[]).flatMap((key) => {
    const value = config[key];
    if (value === undefined || value === null) return [];
    const inside = place.at('config').at(key);
    const { class_name: className, config: given } = inside.object(value);
    const own = inside.at('config').object(given);
    const read = key.endsWith('regularizer') ? readRegularizer : readConstraint;
    const found = read(className, own);
    if (found) return [[KEYS[key], found]];
    throw refused(
      place.file,
      'unsupported',
      `${inside.path}: ${show(className)} is none that fusor has (L1, L2, L1L2; MaxNorm with axis 0)`,
      'remove it from the model where it was made',
      { path: inside.path },
    );
  });
  return Object.fromEntries(entries);
}

function readRegularizer(className: unknown, { l1, l2 }: Json): Json | undefined {
  if (className === 'L1') return { l1 };
  if (className === 'L2') return { l2 };
  return className === 'L1L2' ? { l1: l1 ?? 0, l2: l2 ?? 0 } : undefined;
}

function readConstraint(className: unknown, config: Json): Json | undefined {
  const { axis = 0 } = config;
  const columns = axis === 0 || (Array.isArray(axis) && axis.length === 1 && axis[0] === 0);
  if (className !== 'MaxNorm' || !columns) return undefined;
  return { maxNorm: config.max_value ?? config.maxValue ?? 2 };
}

/** @param object makes {class_name, config}, with what else the format has there */
export function writeRestraints(
  own: Restraints,
  object: (module: 'regularizers' | 'constraints', className: string, config: Json) => Json,
): Json {
  const regularizer = ({ l1, l2 }: RegularizerPlan) => object('regularizers', 'L1L2', { l1, l2 });
  const constraint = ({ maxNorm }: ConstraintPlan) =>
    object('constraints', 'MaxNorm', { max_value: maxNorm, axis: 0 });
  const { kernelRegularizer, biasRegularizer, kernelConstraint, biasConstraint } = own;
  return {
    kernel_regularizer: kernelRegularizer ? regularizer(kernelRegularizer) : null,
    bias_regularizer: biasRegularizer ? regularizer(biasRegularizer) : null,
    kernel_constraint: kernelConstraint ? constraint(kernelConstraint) : null,
    bias_constraint: biasConstraint ? constraint(biasConstraint) : null,
  };
}
