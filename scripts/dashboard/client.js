/** The page of `fusor train --dashboard`: draws what the server's events tell. Runs in a browser. */
/* global echarts, EventSource, document, location, matchMedia, getComputedStyle, window, requestAnimationFrame */
'use strict';

const token = new URLSearchParams(location.search).get('token');
const element = (id) => document.getElementById(id);
/** As the server's 'all' event. */
let state = { facts: {}, epochCount: 0, points: [], epochs: [], end: null };
const charts = {};
let due = false;

const source = new EventSource(`/events?token=${token}`);
const on = (name, heard) =>
  source.addEventListener(name, ({ data }) => {
    heard(JSON.parse(data));
    later();
  });
on('all', (all) => {
  state = all;
});
on('point', (point) => {
  state.points.push(point);
});
on('epoch', (epoch) => {
  state.epochs.push(epoch);
});
on('end', (end) => {
  state.end = end;
  source.close();
});
source.addEventListener('error', () => {
  if (state.end === null)
    element('state').textContent = 'The training cannot be reached: it has ended, or its machine sleeps.';
});

/** At most once a frame, and not at all in a page that nobody sees. */
function later() {
  if (due) return;
  due = true;
  requestAnimationFrame(() => {
    due = false;
    draw();
  });
}

const latest = (of) => {
  for (let i = state.points.length - 1; i >= 0; i--) {
    const value = of(state.points[i]);
    if (value !== null && value !== undefined) return value;
  }
  return null;
};

function draw() {
  const { facts, points, epochs, epochCount, end } = state;
  const at = points.at(-1)?.at ?? epochs.length;
  element('ran-on').textContent = `${facts.ranOn} · seed ${facts.seed} · batch ${facts.batchSize}`;
  element('state').textContent = end ?? `epoch ${Math.min(epochCount, Math.floor(at) + 1)} of ${epochCount}`;
  const text = (value, show) => (value === null || value === undefined ? '–' : show(value));
  const last = epochs.at(-1)?.logs ?? {};
  const shown = [
    [
      'loss',
      text(
        latest((p) => p.logs.loss),
        (v) => v.toFixed(4),
      ),
    ],
    [
      'accuracy',
      text(
        latest((p) => p.logs.accuracy),
        (v) => `${(100 * v).toFixed(2)} %`,
      ),
    ],
    ['validation loss', text(last.valLoss, (v) => v.toFixed(4))],
    [
      'µs a step',
      text(
        latest((p) => p.stepMicroseconds),
        (v) => v.toFixed(v < 100 ? 1 : 0),
      ),
    ],
    [
      'rows a second',
      text(
        latest((p) => p.rowsPerSecond),
        (v) => Math.round(v).toLocaleString('en'),
      ),
    ],
    [
      'memory',
      text(
        latest((p) => p.memoryBytes),
        (v) => `${(v / 2 ** 20).toFixed(0)} MiB`,
      ),
    ],
  ];
  element('facts').replaceChildren(...shown.map(([name, value]) => factBox(name, value)));
  const trained = (name) => points.map((p) => [p.at, p.logs[name] ?? null]);
  const validated = (name) => epochs.map(({ epoch, logs }) => [epoch + 1, logs[name] ?? null]);
  show('loss', 'epoch', trained('loss'), validated('valLoss'));
  show('accuracy', 'epoch', trained('accuracy'), validated('valAccuracy'));
  show(
    'step',
    'seconds',
    points.map((p) => [p.seconds, p.stepMicroseconds]),
  );
  show(
    'memory',
    'seconds',
    points.map((p) => [p.seconds, p.memoryBytes / 2 ** 20]),
  );
}

function factBox(name, value) {
  const box = document.createElement('div');
  const figure = document.createElement('b');
  figure.textContent = value;
  const label = document.createElement('small');
  label.textContent = name;
  box.append(figure, label);
  return box;
}

function show(id, x, data, dashed = []) {
  charts[id] ??= echarts.init(element(id), null, { renderer: 'svg' });
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(name).trim();
  const label = { color: colour('--muted'), fontSize: 12 };
  const line = { lineStyle: { color: colour('--line') } };
  const series = (values, type, of) => ({
    type: 'line',
    data: values,
    showSymbol: values.length < 3 || type === 'dashed',
    connectNulls: true,
    itemStyle: { color: colour(of) },
    lineStyle: { color: colour(of), width: 2, type },
  });
  charts[id].setOption({
    animation: false,
    grid: { left: 8, right: 16, top: 14, bottom: 28, containLabel: true },
    tooltip: {
      trigger: 'axis',
      valueFormatter: (value) => (value === null ? '–' : Number(value).toPrecision(5)),
    },
    xAxis: {
      type: 'value',
      min: 0,
      max: 'dataMax',
      name: x,
      nameLocation: 'middle',
      nameGap: 26,
      nameTextStyle: label,
      axisLabel: { ...label, hideOverlap: true, formatter: (value) => String(Number(value.toPrecision(3))) },
      axisLine: line,
      splitLine: { show: false },
    },
    yAxis: { type: 'value', scale: true, axisLabel: label, splitLine: line },
    series: [series(data, 'solid', '--s0'), series(dashed, 'dashed', '--s1')],
  });
}

window.addEventListener('resize', () => {
  for (const chart of Object.values(charts)) chart.resize();
});
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', later);
