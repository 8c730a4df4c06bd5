/** What rounding alone may do to a weight in Adam's first step. */
import type { TrainPlan } from '../../index';

/** Weights, or slots, by name. */
type Named = ReadonlyMap<string, Float32Array>;

/** Of the greatest gradient of a weight: what another order of float32 sums may change in any of them. */
const ROUNDING = 2 ** -20;

/**
 * By weight, the L2 norm of what rounding of its gradient may change in it. The first step of Adam is α·g/(|g| + E), E =
 * ε/√(1 − β₂) = 3e-6, for a gradient g: the rate α, whatever |g| is, but where |g| is about E. There, and a bias that begins at
 * zero is nothing but its steps, the digits that g has lost are seen: dw = α·E/(|g| + E)²·dg.
 */
export function roundingOf(
  { snapshots, slots }: { snapshots: ReadonlyMap<number, Named>; slots: Named },
  optimizer: TrainPlan['optimizer'],
): Map<string, number> {
  const [before, after] = [snapshots.get(0), snapshots.get(1)];
  if (!('beta2' in optimizer) || !before || !after) return new Map();
  const { beta1, beta2, epsilon } = optimizer;
  const e = epsilon / Math.sqrt(1 - beta2);
  return new Map(
    [...after].flatMap(([name, weight]): [string, number][] => {
      const m = slots.get(`m of ${name}`);
      if (!m) return [];
      const initial = before.get(name)!;
      const lost = ROUNDING * m.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      let squares = 0;
      for (let i = 0; i < m.length; i++) {
        const g = Math.abs(m[i]) / (1 - beta1);
        // The way it has gone has the rate in it.
        if (g > 0) squares += ((weight[i] - initial[i]) * (e / (g * (g + e))) * (lost / (1 - beta1))) ** 2;
      }
      return [[name, Math.sqrt(squares)]];
    }),
  );
}
