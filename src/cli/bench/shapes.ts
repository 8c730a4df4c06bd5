import { wrong } from '../../arguments';
import type { Shape } from '../../bench/work';

/** As many floats as one operand may have: 1 GiB. */
const MOST = 2 ** 28;

/**
 * `32x784x128,256x1024x1024`: batch x inputs x units.
 * @throws ERR_ARG naming the shape
 */
export function toShapes(written: unknown, where: string): Shape[] {
  const items: unknown[] = Array.isArray(written) ? written : String(written).split(',');
  return items.map((given) => {
    // As --print-config gives it.
    const { batch: b, inputs: i, units: u } = Object(given) as Partial<Shape>;
    const item = b === undefined ? given : `${b}x${i}x${u}`;
    const [, ...sizes] = /^\s*(\d+)[x×](\d+)[x×](\d+)\s*$/.exec(String(item)) ?? [];
    const [batch, inputs, units] = sizes.map(Number);
    const fits = Math.max(batch * inputs, inputs * units, batch * units) <= MOST;
    if (batch > 0 && inputs > 0 && units > 0 && fits) return { batch, inputs, units };
    throw wrong(
      where,
      'each shape',
      item,
      `batch x inputs x units as in 32x784x128, no two of them above ${MOST} in all`,
    );
  });
}

/**
 * `4096-4096-4096`: the widths of a net, inputs first.
 * @throws ERR_ARG
 */
export function toNet(written: unknown, where: string): string {
  const widths = /^\d+(-\d+)+$/.test(String(written)) ? String(written).split('-').map(Number) : [];
  const isWide = widths.length > 1 && widths.every((width) => width > 0 && width <= 2 ** 16);
  // The last are classes.
  if (isWide && widths[widths.length - 1] > 1) return String(written);
  throw wrong(
    where,
    'the value',
    written,
    'widths from 1 to 65536, inputs first, classes last, as in 4096-4096-4096',
  );
}
