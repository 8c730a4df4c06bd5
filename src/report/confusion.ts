/** Which classes are taken for which: counts [true][predicted] as a matrix, and what follows from them a class. */
import { escapeText } from './html';
import type { Drawing } from './svg';

export function confusionOf(
  truth: ArrayLike<number>,
  predicted: ArrayLike<number>,
  classes: number,
): number[][] {
  const counts = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  for (let i = 0; i < truth.length; i++) counts[truth[i]][predicted[i]]++;
  return counts;
}

export interface ClassFigures {
  rows: number;
  /** Of those taken for the class, the share that are of it; NaN where none was. */
  precision: number;
  /** Of those of the class, the share taken for it; NaN where there is none. */
  recall: number;
  f1: number;
}

export function classFigures(counts: readonly (readonly number[])[]): ClassFigures[] {
  return counts.map((row, c) => {
    const rows = row.reduce((sum, count) => sum + count, 0);
    const taken = counts.reduce((sum, each) => sum + each[c], 0);
    return { rows, precision: row[c] / taken, recall: row[c] / rows, f1: (2 * row[c]) / (rows + taken) };
  });
}

const LEFT = 92;
const TOP = 40;
/** Of the line above the matrix. */
const CAPTION = 190;

/** Darker is more; the counts are written where there is room. */
export function confusionMatrix(counts: readonly (readonly number[])[], names: readonly string[]): Drawing {
  const cell = Math.max(6, Math.min(42, Math.floor(720 / counts.length)));
  const written = cell >= 24;
  const label = (text: string) => (text.length > 11 ? `${text.slice(0, 10)}…` : text);
  const cells = counts.flatMap((row, t) => {
    const total = Math.max(
      1,
      row.reduce((sum, count) => sum + count, 0),
    );
    return row.map((count, p) => {
      const [x, y] = [LEFT + p * cell, TOP + t * cell];
      // Mistakes are few: the root shows them.
      const shade = Math.sqrt(count / total);
      const box = `<rect x="${x}" y="${y}" width="${cell - 1}" height="${cell - 1}" fill="var(--${t === p ? 's0' : 's1'})" fill-opacity="${shade.toFixed(3)}" stroke="var(--line)" stroke-width="0.5"/>`;
      const ink = shade > 0.7 ? 'var(--paper)' : 'var(--ink)';
      const text = `<text x="${x + cell / 2}" y="${y + cell / 2 + 4}" font-size="11" text-anchor="middle" fill="${ink}">${count}</text>`;
      return box + (written && count > 0 ? text : '');
    });
  });
  const labels = written
    ? names.map((name, c) => {
        const [across, down] = [LEFT + c * cell + cell / 2, TOP + c * cell + cell / 2 + 4];
        return `<text x="${LEFT - 8}" y="${down}" font-size="12" text-anchor="end" fill="var(--ink)">${escapeText(label(name))}</text><text x="${across}" y="${TOP - 8}" font-size="12" text-anchor="middle" fill="var(--ink)">${escapeText(name.length > 4 ? String(c) : name)}</text>`;
      })
    : [];
  const title = `<text x="${LEFT}" y="14" font-size="12" fill="var(--muted)">predicted →   (rows: true)</text>`;
  const size = counts.length * cell;
  return {
    width: LEFT + Math.max(size + 20, CAPTION),
    height: TOP + size + 12,
    body: title + labels.join('') + cells.join(''),
  };
}
