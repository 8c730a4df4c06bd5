/** Curves as SVG, drawn by echarts without a browser. Names stay out of the SVG: the legend is HTML. */
import type { EChartsOption, SeriesOption } from 'echarts';
import { escapeText, Html, html } from './html';
import { SERIES_COLOURS, swatch } from './page';

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
  /** Logarithmic axes; default: linear. */
  logX?: boolean;
  logY?: boolean;
  /** A line of its own, e.g. a limit, in the colour of text. */
  limit?: readonly (readonly [number, number])[];
  /** Over the whole width of the page. */
  wide?: boolean;
  /** By how many pixels the first series is broader than the last, so that equal curves are all seen; default 0. */
  nested?: number;
}

export const HEIGHT = 250;

export function curves(figure: Curves): Html {
  return chart(figure, HEIGHT, (width) => optionOf(figure, width));
}

/**
 * A figure: drawn for wide screens, for narrow ones and, where it has the page's width, for those between, so that letters keep
 * their size.
 * @param sign of a series in the legend; default: its colour
 */
export function chart(
  { title, note, legend: names, wide }: Pick<Curves, 'title' | 'note' | 'legend' | 'wide'>,
  height: number,
  option: (width: number) => EChartsOption,
  sign: (series: number) => Html = swatch,
): Html {
  const at = (width: number) => named(draw(option(width), width, height), title);
  const legend = names.map((name, series) => html`<span>${sign(series)}${name}</span>`);
  return html`<figure class="${wide ? 'wide' : ''}"><figcaption>${title}<small>${note}</small></figcaption>
<div class="legend">${legend}</div>
<div class="broad">${at(wide ? 960 : 470)}</div>${wide ? html`<div class="middle">${at(700)}</div>` : html``}<div class="narrow">${at(350)}</div></figure>
`;
}

/** To those who hear it an image of that name. */
const named = (svg: string, name: string) =>
  new Html(svg.replace('<svg ', `<svg role="img" aria-label="${escapeText(name)}" `));

/** The bare SVG of curves, without title and legend. */
export function drawn(figure: Curves, width: number): string {
  return draw(optionOf(figure, width), width, HEIGHT);
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

function optionOf({ curves: all, x, logX, logY, limit, nested = 0 }: Curves, width: number): EChartsOption {
  const shown = ([at, value]: readonly [number, number]) =>
    Number.isFinite(value) && (!logY || value > 0) && (!logX || at > 0);
  const series = all.map(({ series: number, points, dashed, dots }): SeriesOption => {
    const data = points.filter(shown).map(([at, value]) => [at, value]);
    const colour = `var(--s${number % SERIES_COLOURS})`;
    if (dots) return { type: 'scatter', data, symbolSize: 4, itemStyle: { color: colour, opacity: 0.5 } };
    const last = Math.max(1, ...all.map((curve) => curve.series));
    const broad = 2 + (nested * (last - number)) / last;
    return {
      type: 'line',
      data,
      symbol: 'circle',
      symbolSize: broad + 3,
      showSymbol: data.length === 1,
      itemStyle: { color: colour },
      lineStyle: { color: colour, width: dashed ? broad / 2 : broad, type: dashed ? 'dashed' : 'solid' },
    };
  });
  if (limit)
    series.push({
      type: 'line',
      data: limit.map(([at, value]) => [at, value]),
      showSymbol: false,
      lineStyle: { color: 'var(--ink)', width: 1.5, type: 'dotted' },
    });
  return {
    animation: false,
    grid: { left: 8, right: 16, top: 14, bottom: 28, containLabel: true },
    xAxis: {
      ...axis,
      type: logX ? 'log' : 'value',
      min: 'dataMin',
      max: 'dataMax',
      ...(!all.some(({ dots }) => dots) && { minInterval: 1 }),
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
        formatter: logX ? (value: number) => short(Number(value.toPrecision(2))) : short,
      },
    },
    yAxis: {
      ...axis,
      type: logY ? 'log' : 'value',
      scale: true,
      axisLine: { show: false },
      splitLine: line,
      axisLabel: { ...label, formatter: short },
    },
    series,
  } as EChartsOption;
}

export const label = { color: 'var(--muted)', fontSize: 12, fontFamily: 'inherit' };
export const line = { lineStyle: { color: 'var(--line)' } };
export const axis = { axisLine: { show: true, ...line }, axisTick: { show: false }, axisLabel: label };

/** 0.0001 → 1e-4, 12000 → 12k, 5e9 → 5G. */
export function short(value: number): string {
  const size = Math.abs(value);
  if (size >= 1e13) return Number(value.toPrecision(3)).toExponential();
  if (size >= 1e4) {
    const [unit, letter] = size >= 1e9 ? [1e9, 'G'] : size >= 1e6 ? [1e6, 'M'] : [1e3, 'k'];
    return `${Number((value / (unit as number)).toPrecision(4))}${letter}`;
  }
  if (size > 0 && size < 1e-3) return Number(value.toPrecision(3)).toExponential();
  return String(Number(value.toPrecision(6)));
}

/** At most `count` points: means of as many neighbours each, at the first's place, counted from 1. */
export function thinned(values: ArrayLike<number>, count = 400): [number, number][] {
  const each = Math.max(1, Math.ceil(values.length / count));
  const points: [number, number][] = [];
  for (let from = 0; from < values.length; from += each) {
    const to = Math.min(values.length, from + each);
    let sum = 0;
    for (let i = from; i < to; i++) sum += values[i];
    points.push([from + 1, sum / (to - from)]);
  }
  return points;
}
