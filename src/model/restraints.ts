/** What the parameters of a Dense layer are held to: penalties in the loss, limits after a step. */
import { closed, oneOf, range, real, wrong } from '../arguments';
import type { ConstraintPlan, RegularizerPlan } from '../backend/contract';

/** A regulariser, JSON-safe: l1·Σ|w| + l2·Σw² is added to the loss; at least one is greater than 0. */
export type RegularizerConfig = RegularizerPlan;
/** A constraint, JSON-safe. */
export type ConstraintConfig = ConstraintPlan;

const factor = (where: string, name: string, value: unknown, fallback: number) =>
  real(where, name, value, fallback, range.notNegative);

/** The regularisers there are, with Keras' defaults; factors are from 0. All throw ERR_ARG. */
export const regularizers = {
  /** Adds l1·Σ|w| to the loss. @param l1 default 0.01 */
  l1: (l1?: number): RegularizerConfig => ({ l1: factor('regularizers.l1', 'l1', l1, 0.01), l2: 0 }),
  /** Adds l2·Σw² to the loss (so twice what PyTorch calls weight_decay). @param l2 default 0.01 */
  l2: (l2?: number): RegularizerConfig => ({ l1: 0, l2: factor('regularizers.l2', 'l2', l2, 0.01) }),
  /** Both. @param options l1 = l2 = 0 */
  l1l2(options?: Partial<RegularizerConfig>): RegularizerConfig {
    const where = 'regularizers.l1l2';
    const { l1, l2 } = closed<Partial<RegularizerConfig>>(where, options, ['l1', 'l2']);
    return { l1: factor(where, 'l1', l1, 0), l2: factor(where, 'l2', l2, 0) };
  },
};

export type RegularizerName = keyof typeof regularizers;
const NAMES = Object.keys(regularizers) as RegularizerName[];

/** The constraints there are. All throw ERR_ARG. */
export const constraints = {
  /**
   * After each step, all that goes into one unit (a column of a kernel; of a bias all of it) is shortened to this L2
   * norm where it is longer. @param maxNorm greater than 0, default 2
   */
  maxNorm: (maxNorm?: number): ConstraintConfig => ({
    maxNorm: real('constraints.maxNorm', 'maxNorm', maxNorm, 2, range.positive),
  }),
};

/** A checked config of a name or of (possibly foreign) data; nothing where it says nothing. */
export function regularizerConfig(
  where: string,
  name: string,
  value: unknown,
): RegularizerConfig | undefined {
  if (value === undefined) return undefined;
  if (typeof value === 'string') return regularizers[oneOf(where, name, value, NAMES)]();
  if (typeof value !== 'object' || value === null)
    throw wrong(where, name, value, `one of ${NAMES.join(', ')}, or { l1, l2 }`);
  const { l1, l2 } = closed<Partial<RegularizerConfig>>(`${where}, ${name}`, value, ['l1', 'l2']);
  const config = { l1: factor(where, `${name}.l1`, l1, 0), l2: factor(where, `${name}.l2`, l2, 0) };
  return config.l1 > 0 || config.l2 > 0 ? config : undefined;
}

export function constraintConfig(where: string, name: string, value: unknown): ConstraintConfig | undefined {
  if (value === undefined) return undefined;
  if (value === 'maxNorm') return constraints.maxNorm();
  if (typeof value !== 'object' || value === null)
    throw wrong(where, name, value, "'maxNorm', or { maxNorm }");
  const { maxNorm } = closed<ConstraintConfig>(`${where}, ${name}`, value, ['maxNorm']);
  return { maxNorm: real(where, `${name}.maxNorm`, maxNorm, undefined, range.positive) };
}
