/** Curves as SVG, drawn by echarts without a browser. Names stay out of the SVG: the legend is HTML. */
import type { EChartsOption, SeriesOption } from 'echarts';
import { escapeText, Html, html } from './html';
import { type Named, SERIES_COLOURS, signOf, swatch } from './page';

export interface Curve {
  /** The colour, and the place in the legend. */
  series: number;
  /** [x, y]; a y that is not finite, or not positive on a logarithmic axis, is left out. */
  points: readonly (readonly [number, number])[];
  dashed?: boolean;
  /** The points alone, without a line. */
  dots?: boolean;
}

export interface Curves {
  title: string;
  /** Below the title: what is shown, in which unit. */
  note: string;
  /** Names of the series, in their order; empty for no legend. */
  legend: readonly string[];
  curves: readonly Curve[];
  x: string;
  /** What is drawn upwards, where the title does not say it. */
  y?: string;
  /** Logarithmic axes; default: linear. */
  logX?: boolean;
  logY?: boolean;
  /** A line of its own, e.g. a limit, in the colour of text. */
  limit?: readonly (readonly [number, number])[];
  /** As high as wide: for axes that are alike. */
  square?: boolean;
  /** Over the whole width of the page. */
  wide?: boolean;
  /** By how many pixels the first series is broader than the last, so that equal curves are all seen; default 0. */
  nested?: number;
}

export const heightOf = ({ square }: Curves, width: number) => (square ? width : 250);

export function curves(figure: Curves): Html {
  return chart(
    { ...figure, legend: legendOf(figure) },
    (width) => heightOf(figure, width),
    (width) => optionOf(figure, width),
  );
}

/** Of what is drawn. */
export function legendOf({ legend, curves: all }: Curves): Named[] {
  return legend
    .map((name, series) => ({ name, series }))
    .filter(({ series }) => all.some((curve) => curve.series === series));
}

/**
 * A figure: drawn for wide places, for narrow ones and, where it may have the page's width, for those between, so that letters
 * keep their size.
 * @param sign of a series in the legend; default: its colour
 */
export function chart(
  {
    title,
    note,
    legend: names,
    wide,
  }: Pick<Curves, 'title' | 'note' | 'wide'> & { legend: readonly Named[] },
  height: (width: number) => number,
  option: (width: number) => EChartsOption,
  sign: (series: number) => Html = swatch,
): Html {
  const at = (width: number) => named(draw(option(width), width, height(width)), title);
  const legend = names.map(({ name, series }) => html`<span>${sign(series)}${name}</span>`);
  return html`<figure class="${wide ? 'wide' : ''}"><figcaption>${title}<small>${note}</small></figcaption>
<div class="legend">${legend}</div>
<div class="broad">${at(wide ? 960 : 470)}</div>${wide ? html`<div class="middle">${at(600)}</div>` : html``}<div class="narrow">${at(350)}</div></figure>
`;
}

/** To those who hear it an image of that name. */
const named = (svg: string, name: string) =>
  new Html(svg.replace('<svg ', `<svg role="img" aria-label="${escapeText(name)}" `));

/** The bare SVG of curves, without title and legend. */
export function drawn(figure: Curves, width: number): string {
  return draw(optionOf(figure, width), width, heightOf(figure, width));
}

function draw(option: EChartsOption, width: number, height: number): string {
  // Loaded when something is drawn: it is large.
  const { init }: typeof import('echarts') = require('echarts');
  const chart = init(null, null, { renderer: 'svg', ssr: true, width, height });
  try {
    chart.setOption(option);
    // Its styles are for pointing at things, which needs a script.
    return chart.renderToSVGString().replace(/<style[\s\S]*?<\/style>/g, '');
  } finally {
    // It holds a timer that keeps the process alive.
    chart.dispose();
  }
}

/** The ends of values; NaN where there are none. */
function ends(values: readonly number[]): [number, number] {
  const fold = (pick: (a: number, b: number) => number) =>
    values.length > 0 ? values.reduce((a, b) => pick(a, b)) : Number.NaN;
  return [fold(Math.min), fold(Math.max)];
}

/** Marks along a line, about so many. */
const MARKS = 8;

function optionOf(figure: Curves, width: number): EChartsOption {
  const { curves: all, x, y, logX, limit = [], nested = 0 } = figure;
  const shown = ([at, value]: readonly [number, number]) =>
    Number.isFinite(value) && (!figure.logY || value > 0) && (!logX || at > 0);
  const places = [...all.flatMap(({ points }) => points), ...limit].filter(shown);
  const [[left, right], [low, high]] = [0, 1].map((axis) => ends(places.map((place) => place[axis])));
  // A logarithm of less than a decade has no room for ticks.
  const logY = figure.logY && high / low >= 10;
  const last = Math.max(1, ...all.map((curve) => curve.series));
  const series = all.flatMap(({ series: number, points, dashed, dots }): SeriesOption[] => {
    const data = points.filter(shown).map(([at, value]) => [at, value]);
    const colour = `var(--s${number % SERIES_COLOURS})`;
    if (dots) return [{ type: 'scatter', data, symbolSize: 4, itemStyle: { color: colour, opacity: 0.5 } }];
    const broad = 2 + (nested * (last - number)) / last;
    const type = dashed ? 'dashed' : 'solid';
    const lineStyle = { color: colour, width: dashed ? broad / 2 : broad, type } as const;
    const sign = signOf(number);
    const marks = (every: number, symbol: string, size: number, hollow: boolean): SeriesOption => ({
      type: 'scatter',
      data: data.filter((_, i) => i % every === 0),
      symbol,
      symbolSize: size,
      itemStyle: {
        color: hollow ? 'transparent' : colour,
        borderColor: colour,
        borderWidth: hollow ? 2 : 0,
        opacity: 1,
      },
    });
    return [
      { type: 'line', data, showSymbol: false, lineStyle },
      // Where there is no line: a ring leaves a dot at the same place to be seen.
      ...(data.length === 1 ? [marks(1, 'circle', dashed ? broad + 12 : broad + 6, Boolean(dashed))] : []),
      ...(data.length > 1 && number >= SERIES_COLOURS
        ? [marks(Math.ceil(data.length / MARKS), sign.round ? 'circle' : 'rect', 8, sign.hollow)]
        : []),
    ];
  });
  if (limit.length > 0)
    series.push({
      type: 'line',
      data: limit.map(([at, value]) => [at, value]),
      showSymbol: false,
      lineStyle: { color: 'var(--ink)', width: 1.5, type: 'dotted' },
    });
  const scattered = all.some(({ dots }) => dots);
  const [textX, textY] = [tickText(left, right), tickText(low, high)];
  return {
    animation: false,
    grid: { left: 8, right: 16, top: y ? 26 : 14, bottom: 28, containLabel: true },
    xAxis: {
      ...axis,
      type: logX ? 'log' : 'value',
      // Steps and epochs are counted; one alone has its place in the middle.
      ...(scattered
        ? { scale: true }
        : { min: left === right ? left - 1 : left, max: left === right ? right + 1 : right, minInterval: 1 }),
      splitNumber: width < 400 ? 4 : 6,
      splitLine: { show: false },
      name: x,
      nameLocation: 'middle',
      nameGap: 26,
      nameTextStyle: label,
      // The ends of a logarithmic axis are where the data end: seldom at a round number.
      axisLabel: {
        ...label,
        hideOverlap: true,
        showMaxLabel: true,
        alignMaxLabel: 'right',
        formatter: logX ? (value: number) => short(Number(value.toPrecision(2))) : textX,
      },
    },
    yAxis: {
      ...axis,
      type: logY ? 'log' : 'value',
      ...(logY ? { min: rounded(low, false), max: rounded(high, true) } : { scale: true }),
      ...(scattered && { splitNumber: width < 400 ? 4 : 6 }),
      axisLine: { show: false, onZero: false },
      splitLine: line,
      name: y,
      nameTextStyle: { ...label, align: 'left' },
      nameGap: 8,
      axisLabel: { ...label, hideOverlap: true, formatter: logY ? (value: number) => short(value) : textY },
    },
    series,
  } as EChartsOption;
}

/** 1, 2 or 5 times a power of ten, at least, or at most, `value`. */
export function rounded(value: number, up: boolean): number {
  const power = 10 ** Math.floor(Math.log10(value));
  const steps = [1, 2, 5, 10].map((step) => step * power);
  return up ? steps.find((step) => step >= value)! : steps.findLast((step) => step <= value)!;
}

export const label = { color: 'var(--muted)', fontSize: 12, fontFamily: 'inherit' };
export const line = { lineStyle: { color: 'var(--line)' } };
/** Axes are at the edges, wherever 0 is. */
export const axis = {
  axisLine: { show: true, onZero: false, ...line },
  axisTick: { show: false },
  axisLabel: label,
};

/** With as many digits as ticks need to differ, of which two are a tenth of the axis apart, or more. @param usual digits, if that is more */
export function tickText(least: number, most: number, usual = 0): (value: number) => string {
  const size = Math.max(Math.abs(least), Math.abs(most));
  const digits = 1 + Math.ceil(Math.log10((10 * size) / (most - least)));
  return (value) => short(value, Math.max(usual, Number.isFinite(digits) ? Math.min(15, digits) : 0));
}

/** 0.0001 → 1e-4, 12000 → 12k, 5e9 → 5G. @param digits at least, where it has so many */
export function short(value: number, digits = 0): string {
  const size = Math.abs(value);
  const to = (scaled: number, usual: number) => Number(scaled.toPrecision(Math.max(usual, digits)));
  if (size >= 1e13) return to(value, 3).toExponential();
  if (size >= 1e4) {
    const [unit, letter] = size >= 1e9 ? [1e9, 'G'] : size >= 1e6 ? [1e6, 'M'] : [1e3, 'k'];
    return `${to(value / (unit as number), 4)}${letter}`;
  }
  if (size > 0 && size < 1e-3) return to(value, 3).toExponential();
  return String(to(value, 6));
}

/** At most `count` points: means of as many neighbours each, at the last's place, counted from 1: the curve ends where the values do. */
export function thinned(values: ArrayLike<number>, count = 400): [number, number][] {
  const each = Math.max(1, Math.ceil(values.length / count));
  const points: [number, number][] = [];
  for (let from = 0; from < values.length; from += each) {
    const to = Math.min(values.length, from + each);
    let sum = 0;
    for (let i = from; i < to; i++) sum += values[i];
    points.push([to, sum / (to - from)]);
  }
  return points;
}
