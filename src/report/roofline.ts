/** A roofline: what is computed a byte against what is computed a second, under what the machine gives. */
import type { EChartsOption, SeriesOption } from 'echarts';
import { axis, chart, label, line, rounded, short } from './curves';
import { type Html, html } from './html';
import { SERIES_COLOURS } from './page';

export interface Roof {
  /** FLOP a second. */
  peak: number;
  /** Bytes a second, by level. */
  levels: readonly { name: string; bandwidth: number }[];
}

export interface Mark {
  name: string;
  /** The colour, the shape, and the place in the legend. */
  series: number;
  /** FLOP a byte, FLOP a second. */
  intensity: number;
  flops: number;
  /** Of its series' time: the greater, the larger, and the sooner named. */
  share: number;
}

const SHAPES = [
  ['circle', '●'],
  ['rect', '■'],
  ['triangle', '▲'],
  ['diamond', '◆'],
] as const;
const HEIGHT = 420;

/** Readable where it lies over a line or a mark. */
const HALO = { textBorderColor: 'var(--card)', textBorderWidth: 3 } as const;

const colour = (series: number) => `var(--s${series % SERIES_COLOURS})`;

export function roofline(
  title: string,
  note: string,
  legend: readonly string[],
  roof: Roof | null,
  marks: readonly Mark[],
): Html {
  const sign = (series: number) =>
    html`<span style="color:${colour(series)}">${SHAPES[series % SHAPES.length][1]} </span>`;
  return chart(
    { title, note, legend: legend.map((name, series) => ({ name, series })), wide: true },
    () => HEIGHT,
    (width) => optionOf(roof, marks, width < 400),
    sign,
  );
}

function optionOf(roof: Roof | null, marks: readonly Mark[], narrow: boolean): EChartsOption {
  const intensities = marks.map(({ intensity }) => intensity);
  const left = rounded(Math.min(0.1, ...intensities) / 2, false);
  const right = rounded(Math.max(50, ...intensities) * 2, true);
  const lines = (roof?.levels ?? []).map(({ name, bandwidth }): SeriesOption => {
    const corner = Math.min(right, Math.max(left, roof!.peak / bandwidth));
    const points = [left, corner, right].map((x) => [x, Math.min(roof!.peak, x * bandwidth) / 1e9]);
    const text = {
      show: true,
      formatter: name,
      ...label,
      ...HALO,
      fontSize: 11,
      position: 'right',
      offset: [-4, -12],
    };
    return {
      type: 'line',
      data: points,
      silent: true,
      showSymbol: false,
      lineStyle: { color: 'var(--muted)', width: 1.2, type: name === 'memory' ? 'solid' : 'dashed' },
      // At its beginning, where no mark lies.
      markPoint: { symbolSize: 0, data: [{ name, coord: points[0], label: text }] },
    } as SeriesOption;
  });
  // The largest is drawn, and so named, first.
  const symbols = marks
    .toSorted((a, b) => b.share - a.share)
    .map(
      ({ name, series, intensity, flops, share }): SeriesOption => ({
        type: 'scatter',
        symbol: SHAPES[series % SHAPES.length][0],
        symbolSize: 7 + 17 * Math.sqrt(share),
        itemStyle: { color: colour(series), opacity: 0.85 },
        data: [{ name, value: [intensity, flops / 1e9] }],
        label: {
          show: !narrow && share >= 0.02,
          formatter: '{b}',
          position: 'right',
          ...label,
          ...HALO,
          color: 'var(--ink)',
          fontSize: 11,
        },
        labelLayout: { hideOverlap: true, moveOverlap: 'shiftY' },
      }),
    );
  return {
    animation: false,
    grid: { left: 8, right: narrow ? 16 : 70, top: 24, bottom: 30, containLabel: true },
    xAxis: {
      ...axis,
      type: 'log',
      min: left,
      max: right,
      splitLine: { show: false },
      name: 'FLOP a byte',
      nameLocation: 'middle',
      nameGap: 26,
      nameTextStyle: label,
      axisLabel: { ...label, hideOverlap: true, formatter: (value: number) => short(value) },
    },
    yAxis: {
      ...axis,
      type: 'log',
      axisLine: { show: false },
      splitLine: line,
      name: 'GFLOP a second',
      nameTextStyle: { ...label, align: 'left' },
      nameGap: 8,
      axisLabel: { ...label, formatter: (value: number) => short(value) },
    },
    series: [...lines, ...symbols],
  } as EChartsOption;
}
