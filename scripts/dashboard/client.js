/** The page of `fusor train --dashboard`: draws what the server's events tell. Runs in a browser. */
/* global echarts, EventSource, document, location, matchMedia, getComputedStyle, window, requestAnimationFrame */
'use strict';

const token = new URLSearchParams(location.search).get('token');
const element = (id) => document.getElementById(id);
/** As the server's 'all' event. */
let state = null;
const charts = {};
let due = false;
/** Whether the server is not heard any more, though it has not said that this is the end. */
let lost = false;

const source = new EventSource(`/events?token=${token}`);
const on = (name, heard) =>
  source.addEventListener(name, ({ data }) => {
    heard(JSON.parse(data));
    lost = false;
    entitle();
    later();
  });
on('all', (all) => {
  state = all;
  if (all.end) source.close();
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
  if (state?.end) return;
  lost = true;
  entitle();
  tellState();
});

/** At most once a frame, and not at all in a page that nobody sees. */
function later() {
  if (due || !state) return;
  due = true;
  requestAnimationFrame(() => {
    due = false;
    draw();
  });
}

function epochAtHand() {
  const at = state.points.at(-1)?.at ?? state.epochs.length;
  return Math.min(state.epochCount, Math.floor(at) + 1);
}

/** At once: a tab that nobody sees draws nothing, but shows its title. */
function entitle() {
  const how = state?.end?.how ?? (lost ? 'connection lost' : `${epochAtHand()} / ${state.epochCount}`);
  document.title = `${how} · ${state?.facts.title ?? 'Training'}`;
}

function tellState() {
  element('state').textContent =
    state?.end?.text ??
    (lost
      ? 'The training cannot be reached: it has ended, or its machine sleeps.'
      : `epoch ${epochAtHand()} of ${state.epochCount}`);
  element('state').className = lost || state?.end?.how === 'failed' ? 'lead failed' : 'lead';
}

const latest = (of) => {
  for (let i = state.points.length - 1; i >= 0; i--) {
    const value = of(state.points[i]);
    if (value !== null && value !== undefined) return value;
  }
  return null;
};

/** Four digits, of whatever size it is. */
const digits = (value) =>
  value !== 0 && (Math.abs(value) >= 1e6 || Math.abs(value) < 1e-3)
    ? value.toExponential(2)
    : Number(value.toPrecision(4)).toLocaleString('en', { maximumSignificantDigits: 4 });
/** 0.0001 → 1e-4, 12000 → 12k: as src/report/curves.ts has it on the axes of a report. */
function short(value) {
  const size = Math.abs(value);
  if (size >= 1e13 || (size > 0 && size < 1e-3)) return Number(value.toPrecision(3)).toExponential();
  if (size < 1e4) return String(Number(value.toPrecision(6)));
  const [unit, letter] = size >= 1e9 ? [1e9, 'G'] : size >= 1e6 ? [1e6, 'M'] : [1e3, 'k'];
  return `${Number((value / unit).toPrecision(4))}${letter}`;
}
const percent = (value) => `${(100 * value).toFixed(2)} %`;
const whole = (value) => Math.round(value).toLocaleString('en');
/** valLoss → validation loss */
const worded = (name) => name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
const validationOf = (name) => `val${name[0].toUpperCase()}${name.slice(1)}`;

function draw() {
  const { facts, points, epochs, measure, validates } = state;
  element('title').textContent = facts.title;
  element('ran-on').textContent =
    `${facts.ranOn} · seed ${facts.seed} · batch ${facts.batchSize} · kept in ${facts.folder}`;
  tellState();
  const shown = measure?.isShare ? percent : digits;
  fact(
    'loss',
    'loss',
    latest((p) => p.logs.loss),
    digits,
  );
  fact(
    'measure',
    measure ? worded(measure.name) : 'no metric',
    measure && latest((p) => p.logs[measure.name]),
    shown,
  );
  fact('validation', validates ? 'validation loss' : 'no validation', epochs.at(-1)?.logs.valLoss, digits);
  fact(
    'step',
    'µs a step',
    latest((p) => p.stepMicroseconds),
    digits,
  );
  fact(
    'rows',
    'rows a second',
    latest((p) => p.rowsPerSecond),
    whole,
  );
  fact(
    'memory',
    'MiB of memory',
    latest((p) => p.memoryBytes / 2 ** 20),
    whole,
  );

  const trained = (name) => {
    const since = points.flatMap((p) => (name in p.logs ? [[p.at, p.logs[name]]] : []));
    // What a resumed training did before has no points, only its epochs.
    const [first] = since[0] ?? [Number.POSITIVE_INFINITY];
    const before = epochs.filter(({ epoch, logs }) => epoch + 1 < first && name in logs);
    return [...before.map(({ epoch, logs }) => [epoch + 1, logs[name]]), ...since];
  };
  const validated = (name) =>
    validates ? epochs.map(({ epoch, logs }) => [epoch + 1, logs[validationOf(name)] ?? null]) : [];
  const both = (name) => [
    { name, values: trained(name), colour: '--s0' },
    { name: `validation ${name}`, values: validated(name), colour: '--s1', dashed: true },
  ];
  for (const id of ['loss', 'measure'])
    element(`${id}-note`).textContent = validates
      ? 'by epoch · solid: training, dashed: validation'
      : 'by epoch';
  show('loss', 'Loss', 'epoch', both('loss'), digits);
  element('measure').closest('figure').hidden = measure === null;
  // Accuracy is a word; mae and the like are names, and written so everywhere.
  const title = (name) => (measure.isShare ? name[0].toUpperCase() + name.slice(1) : name);
  if (measure) show('measure', title(worded(measure.name)), 'epoch', both(measure.name), shown);
  const timed = (of) => points.flatMap((p) => (of(p) === null ? [] : [[p.seconds, of(p)]]));
  const one = (name, of) => [{ name, values: timed(of), colour: '--s0' }];
  show(
    'step',
    'Time a step',
    'seconds',
    one('µs a step', (p) => p.stepMicroseconds),
    digits,
    0,
  );
  show(
    'memory',
    'Memory',
    'seconds',
    one('MiB', (p) => p.memoryBytes / 2 ** 20),
    whole,
    0,
  );
}

function fact(id, label, value, text) {
  element(`label-${id}`).textContent = label;
  element(`fact-${id}`).textContent = value === null || value === undefined ? '–' : text(value);
}

/** @param least where the axis of values begins; without it, where they do */
function show(id, title, x, curves, text, least) {
  element(`${id}-name`).textContent = title;
  charts[id] ??= echarts.init(element(id), null, { renderer: 'svg' });
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(name).trim();
  // A canvas measures the labels, and knows no 'inherit'.
  const { fontFamily } = getComputedStyle(document.body);
  const label = { color: colour('--muted'), fontSize: 12, fontFamily };
  const line = { lineStyle: { color: colour('--line') } };
  charts[id].setOption({
    animation: false,
    aria: { enabled: true },
    grid: { left: 8, right: 16, top: 14, bottom: 28, containLabel: true },
    tooltip: {
      trigger: 'axis',
      confine: true,
      backgroundColor: colour('--card'),
      borderColor: colour('--line'),
      textStyle: { color: colour('--ink') },
      axisPointer: { label: { formatter: ({ value }) => `${x} ${digits(value)}` } },
      valueFormatter: (value) => (value === null || value === undefined ? '–' : text(Number(value))),
    },
    xAxis: {
      type: 'value',
      min: 0,
      max: 'dataMax',
      name: x,
      nameLocation: 'middle',
      nameGap: 26,
      nameTextStyle: label,
      axisLabel: { ...label, hideOverlap: true, showMaxLabel: false, formatter: digits },
      axisLine: line,
      splitLine: { show: false },
    },
    yAxis: {
      type: 'value',
      scale: least === undefined,
      min: least,
      axisLabel: {
        ...label,
        formatter: short,
      },
      splitLine: line,
    },
    series: curves.map(({ name, values, colour: of, dashed }) => ({
      type: 'line',
      name,
      data: values,
      symbol: 'circle',
      showSymbol: values.length < (dashed ? 30 : 3),
      itemStyle: { color: colour(of) },
      lineStyle: { color: colour(of), width: 2, type: dashed ? 'dashed' : 'solid' },
    })),
  });
}

const resize = (size) => {
  for (const chart of Object.values(charts)) chart.resize(size);
};
window.addEventListener('resize', () => resize());
// On paper two of them stand beside each other.
window.addEventListener('beforeprint', () => resize({ width: 300 }));
window.addEventListener('afterprint', () => resize({ width: 'auto' }));
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', later);
