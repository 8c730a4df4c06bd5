/** Which classes are taken for which: counts [true][predicted] as a matrix, and what follows from them a class. */
import { escapeText } from './html';
import { type Drawing, fitted, textWidth } from './svg';

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

/** Of the line above the matrix. */
const CAPTION = 190;
/** Names are cut to it. */
const LONGEST = 130;

/** Of so many classes. */
function sizesOf(classes: number) {
  const cell = Math.max(11, Math.min(42, Math.floor(720 / classes)));
  return { cell, font: Math.min(12, cell - 1) };
}

const widestOf = (names: readonly string[]) =>
  Math.max(...names.map((name) => textWidth(name, sizesOf(names.length).font)));

/** With their numbers where some are too long for the matrix: names that are cut may be alike. */
export function matrixNames(names: readonly string[]): readonly string[] {
  return widestOf(names) > LONGEST ? names.map((name, c) => `${c} ${name}`) : names;
}

/** Darker is more; the counts are written where there is room. */
export function confusionMatrix(counts: readonly (readonly number[])[], names: readonly string[]): Drawing {
  const { cell, font } = sizesOf(counts.length);
  const widest = widestOf(names);
  const shown = matrixNames(names);
  const longest = Math.min(LONGEST, widest);
  // Names that are wider than their column are written upwards.
  const upwards = longest > cell - 2;
  const [left, top] = [12 + Math.max(80, longest), 32 + (upwards ? longest : font)];
  const cells = counts.flatMap((row, t) => {
    const total = Math.max(
      1,
      row.reduce((sum, count) => sum + count, 0),
    );
    return row.map((count, p) => {
      const [x, y] = [left + p * cell, top + t * cell];
      // Mistakes are few: the root shows them. Ink is readable on the darkest, in the light setting and in the dark one.
      const shade = 0.6 * Math.sqrt(count / total);
      const says = `true ${names[t]}, taken for ${names[p]}: ${count}`;
      const box = `<rect x="${x}" y="${y}" width="${cell - 1}" height="${cell - 1}" fill="var(--${t === p ? 's0' : 's1'})" fill-opacity="${shade.toFixed(3)}" stroke="var(--line)" stroke-width="0.5"/>`;
      const size = Math.min(11, (1.5 * cell) / String(count).length);
      const text = `<text x="${x + cell / 2}" y="${y + cell / 2 + 4}" font-size="${size.toFixed(1)}" text-anchor="middle" fill="var(--ink)">${count}</text>`;
      return `<g><title>${escapeText(says)}</title>${box}${cell >= 24 && count > 0 ? text : ''}</g>`;
    });
  });
  const labels = shown.map((name, c) => {
    const [along, ink] = [c * cell + cell / 2, `font-size="${font}" fill="var(--ink)"`];
    const text = fitted(name, LONGEST, font);
    const [across, above] = [left + along, top - 8];
    const turned = upwards
      ? `x="${across + 4}" y="${above}" transform="rotate(-90 ${across + 4} ${above})"`
      : `x="${across}" y="${above}" text-anchor="middle"`;
    return `<text x="${left - 8}" y="${top + along + 4}" text-anchor="end" ${ink}>${text}</text><text ${turned} ${ink}>${text}</text>`;
  });
  const title = `<text x="${left}" y="14" font-size="12" fill="var(--muted)">predicted →   (rows: true)</text>`;
  const size = counts.length * cell;
  return {
    name: 'Confusion matrix',
    width: left + Math.max(size + 20, CAPTION),
    height: top + size + 12,
    body: title + labels.join('') + cells.join(''),
  };
}
