/** The page of `fusor train --dashboard`: draws what the server's events tell. Runs in a browser. */
/* global echarts, EventSource, document, location, matchMedia, getComputedStyle, window, requestAnimationFrame */
'use strict';

const token = new URLSearchParams(location.search).get('token');
const element = (id) => document.getElementById(id);
/** As the server's 'all' event. */
let state = null;
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
  if (!state?.end) say('The training cannot be reached: it has ended, or its machine sleeps.', true);
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

function say(text, failed) {
  element('state').textContent = text;
  element('state').className = failed ? 'lead failed' : 'lead';
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
const percent = (value) => `${(100 * value).toFixed(2)} %`;
const whole = (value) => Math.round(value).toLocaleString('en');
/** valLoss → validation loss */
const worded = (name) => name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
const validationOf = (name) => `val${name[0].toUpperCase()}${name.slice(1)}`;

function draw() {
  const { facts, points, epochs, epochCount, measure, validates, end } = state;
  const at = points.at(-1)?.at ?? epochs.length;
  const epoch = Math.min(epochCount, Math.floor(at) + 1);
  element('title').textContent = facts.title;
  element('ran-on').textContent =
    `${facts.ranOn} · seed ${facts.seed} · batch ${facts.batchSize} · kept in ${facts.folder}`;
  say(end?.text ?? `epoch ${epoch} of ${epochCount}`, end?.failed);
  document.title = `${end ? (end.failed ? 'failed' : 'done') : `${epoch} / ${epochCount}`} · ${facts.title}`;
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

  const trained = (name) => points.flatMap((p) => (name in p.logs ? [[p.at, p.logs[name]]] : []));
  const validated = (name) =>
    validates ? epochs.map(({ epoch: number, logs }) => [number + 1, logs[validationOf(name)] ?? null]) : [];
  const both = (name) => [
    { name, values: trained(name), colour: '--s0' },
    { name: `validation ${name}`, values: validated(name), colour: '--s1', dashed: true },
  ];
  show('loss', 'Loss', 'epoch', both('loss'), digits);
  element('measure').closest('figure').hidden = measure === null;
  if (measure) show('measure', capital(worded(measure.name)), 'epoch', both(measure.name), shown);
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

const capital = (text) => text[0].toUpperCase() + text.slice(1);

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
  const label = { color: colour('--muted'), fontSize: 12, fontFamily: 'inherit' };
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
        formatter: (value) => (value >= 1e4 ? `${digits(value / 1e3)}k` : digits(value)),
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
