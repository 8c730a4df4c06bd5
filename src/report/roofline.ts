/** A roofline: what is computed a byte against what is computed a second, under what the machine gives. */
import type { EChartsOption, SeriesOption } from 'echarts';
import { axis, chart, label, line, short } from './curves';
import type { Html } from './html';
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
}

const SHAPES = ['circle', 'rect', 'triangle', 'diamond', 'pin', 'arrow'];
const HEIGHT = 380;

export function roofline(
  title: string,
  note: string,
  legend: readonly string[],
  roof: Roof | null,
  marks: readonly Mark[],
): Html {
  return chart({ title, note, legend, wide: true }, HEIGHT, (width) => optionOf(roof, marks, width < 400));
}

function optionOf(roof: Roof | null, marks: readonly Mark[], narrow: boolean): EChartsOption {
  const intensities = marks.map(({ intensity }) => intensity);
  const [left, right] = [Math.min(0.1, ...intensities) / 2, Math.max(50, ...intensities) * 2];
  const lines = (roof?.levels ?? []).map(({ name, bandwidth }, i): SeriesOption => {
    const corner = Math.min(right, Math.max(left, roof!.peak / bandwidth));
    // Each name at another place along its line: lines lie close.
    const x = left * (corner / left) ** ((i + 1) / 6);
    const named = [x, (x * bandwidth) / 1e9];
    const points = [left, corner, right].map((x) => [x, Math.min(roof!.peak, x * bandwidth) / 1e9]);
    return {
      type: 'line',
      data: points,
      showSymbol: false,
      lineStyle: { color: 'var(--muted)', width: 1.2, type: name === 'memory' ? 'solid' : 'dashed' },
      endLabel: { show: false },
      markPoint: {
        symbolSize: 0,
        data: [
          {
            name,
            coord: named,
            label: { show: true, formatter: name, ...label, fontSize: 11, position: 'top', offset: [-8, 2] },
          },
        ],
      },
    };
  });
  const groups = [...new Set(marks.map(({ series }) => series))];
  const symbols = groups.map(
    (series): SeriesOption => ({
      type: 'scatter',
      symbol: SHAPES[series % SHAPES.length],
      symbolSize: 11,
      itemStyle: { color: `var(--s${series % SERIES_COLOURS})` },
      data: marks
        .filter((mark) => mark.series === series)
        .map(({ name, intensity, flops }) => ({ name, value: [intensity, flops / 1e9] })),
      label: { show: !narrow, formatter: '{b}', position: 'right', ...label, fontSize: 11 },
      labelLayout: { hideOverlap: true },
    }),
  );
  return {
    animation: false,
    grid: { left: 8, right: narrow ? 16 : 60, top: 24, bottom: 30, containLabel: true },
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
      axisLabel: { ...label, hideOverlap: true, formatter: short },
    },
    yAxis: {
      ...axis,
      type: 'log',
      axisLine: { show: false },
      splitLine: line,
      name: 'GFLOP a second',
      nameTextStyle: { ...label, align: 'left' },
      nameGap: 8,
      axisLabel: { ...label, formatter: short },
    },
    series: [...lines, ...symbols],
  } as EChartsOption;
}
