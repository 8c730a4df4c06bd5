/** The page of a comparison. */

import { bars } from '../../report/bars';
import { curves } from '../../report/curves';
import { type Html, html } from '../../report/html';
import { page, section } from '../../report/page';
import { factTable, seriesTable } from '../../report/table';
import { thousands } from '../output';
import { figuresOf } from '../pictures/curves';
import { lossTolerance } from '../verify/parity';
import type { ComparedRun } from './run';
import type { StepComparison } from './steps';
import { COLUMNS, figures, isSame, netOf } from './table';

/** @param steps of each run but the first, against the first */
export function comparisonPage(runs: readonly ComparedRun[], steps: readonly StepComparison[]): string {
  const names = runs.map(({ name }) => name);
  const { data, seed, model } = runs[0].document;
  // What all have alike.
  const sizes = [
    isSame(runs, ({ document }) => `${document.data.sha256} ${document.data.rows}`) &&
      `${data.name} · ${thousands(data.rows)} rows`,
    isSame(runs, ({ document }) => document.model.parameters) && `${thousands(model.parameters)} parameters`,
    isSame(runs, ({ document }) => document.seed) && `seed ${seed}`,
  ].filter(Boolean);
  const rows = figures(runs).map((cells, i) => ({ name: names[i], cells }));
  return page(`fusor compare: ${names.join(', ')}`, [
    html`<h1>${runs.length} runs compared</h1><p class="muted">${sizes.join(' · ')}</p>`,
    html`<p class="lead">${fastest(runs)} ${partings(runs, steps)}</p>`,
    seriesTable(
      COLUMNS.map(({ title }) => title),
      rows,
    ),
    html`<p class="muted">loss, val loss: of the last epoch · epoch: the median, validation included · step: training alone ·
start-up: from the start of the process to the start of training · bold: the best</p>`,
    section('Learning', [html`<div class="grid">${learning(runs)}</div>`]),
    section('The same training?', [html`<div class="grid">${sameness(names, steps)}</div>`]),
    section('Cost', [html`<div class="grid">${costs(runs, names)}</div>`]),
    section('Environment', [environment(runs, names)]),
  ]);
}

/** Which trains fastest, and by how much: a step, or, where batches differ, a row. */
export function fastest(runs: readonly ComparedRun[]): string {
  if (!isSame(runs, netOf)) return 'Their nets differ, so that their times are not held against each other.';
  const sameBatch = isSame(runs, ({ config }) => config.batchSize);
  const ordered = runs
    .map(({ name, document: { timing }, config: { batchSize = 1 } }) => {
      const { stepMicroseconds: step } = timing;
      return { name, step, microseconds: sameBatch ? step : step / batchSize };
    })
    .sort((a, b) => a.microseconds - b.microseconds);
  const [best] = ordered;
  const others = ordered.slice(1).map(({ name, microseconds }) => {
    const times = (microseconds / best.microseconds).toFixed(1);
    return times === '1.0' ? `as fast as ${name}` : `${times} times as fast as ${name}`;
  });
  const takes = sameBatch
    ? `${best.step.toFixed(0)} µs a step`
    : `${thousands(Math.round(1e6 / best.microseconds))} rows a second`;
  const isFirst = others.some((text) => !text.startsWith('as fast'));
  return `${best.name} trains ${isFirst ? 'fastest, ' : 'at '}${takes}: ${others.join(', ')}.`;
}

/** Where losses part from the first run's. */
export function partings(runs: readonly ComparedRun[], steps: readonly StepComparison[]): string {
  return steps
    .map(({ step, incomparable, differences }, i) => {
      const pair = `${runs[i + 1].name} and ${runs[0].name}`;
      if (incomparable) return `${pair} are not compared step by step: ${incomparable}.`;
      if (step === null) return `The losses of ${pair} stay together for all ${differences.length} steps.`;
      const apart = (100 * differences[step - 1]).toPrecision(2);
      return `The losses of ${pair} part at step ${step}, by ${apart} %.`;
    })
    .join(' ');
}

/** Rings of one curve around another show where runs are equal. */
const NESTED = 5;

function learning(runs: readonly ComparedRun[]): Html[] {
  const plotted = runs.map(({ name, document, stepLosses }) => ({
    name,
    epochs: document.history,
    stepLosses,
  }));
  return figuresOf(plotted, ['loss', 'accuracy', 'metrics', 'steps']).map(({ figure }) =>
    curves({ ...figure, nested: NESTED }),
  );
}

/** How far the losses of steps are from the first run's, and how far they may be. */
function sameness(names: readonly string[], steps: readonly StepComparison[]): Html[] {
  const comparable = steps.flatMap(({ differences }, i) =>
    differences.length > 0 ? [{ differences, series: i + 1 }] : [],
  );
  const told = steps.map(({ step, incomparable }, i) => {
    const found = incomparable ?? (step === null ? 'stays within it' : `parts at step ${step}`);
    return html`<p><b>${names[i + 1]}</b>: ${found}</p>`;
  });
  if (comparable.length === 0) return [html`<div>${told}</div>`];
  const length = Math.max(...comparable.map(({ differences }) => differences.length));
  const limit = rungs(length).map((step): [number, number] => [step, lossTolerance(step)]);
  return [
    curves({
      title: `Difference of each step's loss from ${names[0]}'s`,
      note: 'relative, the greatest of neighbouring steps; 1e-9: equal · dotted: what backends may differ by',
      legend: names,
      curves: comparable.map(({ series, differences }) => ({ series, points: envelope(differences) })),
      x: 'step',
      logX: true,
      logY: true,
      wide: true,
      limit,
    }),
    html`<div>${told}</div>`,
  ];
}

/** Steps from 1 to `length`, evenly far apart on a logarithmic axis. */
function rungs(length: number, count = 240): number[] {
  const steps = Array.from({ length: count }, (_, i) => Math.round(length ** (i / (count - 1))));
  return [...new Set(steps)];
}

/** The greatest difference since the rung before; equal losses, which a logarithm cannot show, at 1e-9. */
function envelope(differences: Float64Array): [number, number][] {
  let from = 0;
  return rungs(differences.length).map((step) => {
    const greatest = Math.max(1e-9, ...differences.subarray(from, step));
    from = step;
    return [step, greatest];
  });
}

function costs(runs: readonly ComparedRun[], names: readonly string[]): Html[] {
  const bar = (title: string, heading: string, note: string) => {
    const column = COLUMNS.find((each) => each.title === title)!;
    const values = runs.map((run, i) => {
      const value = column.value(run);
      return { name: names[i], value, text: value === null ? '–' : column.text(value) };
    });
    return bars(heading, note, values);
  };
  return [
    bar('step', 'Time a step', 'training alone; shorter is better'),
    bar('epoch', 'Time an epoch', 'validation included, the median'),
    bar('peak memory', 'Peak memory', 'of the whole process, resident'),
    bar('start-up', 'Start-up', 'from the start of the process to the start of training'),
  ];
}

function environment(runs: readonly ComparedRun[], names: readonly string[]): Html {
  const row = (title: string, of: (run: ComparedRun) => string | number | undefined) => [
    title,
    ...runs.map((run) => String(of(run) || '–')),
  ];
  return factTable(names, [
    row('backend', ({ document: { backend: b } }) => `${b.name} · ${b.engine} · ${b.device}`),
    row('device', ({ document: { backend } }) => backend.deviceName),
    row('kernels', ({ document: { backend: b } }) => [b.kernels, b.isa].filter(Boolean).join(', ')),
    row('threads', ({ document: { backend } }) => backend.threads),
    row('libraries', ({ document: { backend } }) =>
      Object.entries(backend.versions)
        .map(([library, version]) => `${library} ${version}`)
        .join(', '),
    ),
    row('not on', ({ document: { fallback } }) =>
      fallback.map(({ from, reason }) => `${from}: ${reason}`).join('; '),
    ),
    row('fusor', ({ environment: { fusor } }) => fusor),
    row('Node.js', ({ environment: { node } }) => node),
    row('processor', ({ environment: { cpu } }) => cpu && `${cpu.model}, ${cpu.cores} cores`),
    row(
      'system',
      ({ environment: { system } }) => system && `${system.platform} ${system.release} ${system.arch}`,
    ),
    row('parameters', ({ document: { model } }) => thousands(model.parameters)),
    row('batch size', ({ config }) => config.batchSize),
    row('optimizer', ({ config: { optimizer, learningRate } }) =>
      [optimizer, learningRate].filter((part) => part !== undefined).join(' '),
    ),
    row('steps', ({ document: { timing } }) => timing.steps),
    row('seed', ({ document: { seed } }) => String(seed)),
    row(
      'data',
      ({ document: { data } }) => `${data.name}, ${data.rows} rows, sha256 ${data.sha256.slice(0, 12)}…`,
    ),
    row('started', ({ environment: { startedAt } }) => startedAt),
    row('command', ({ environment: { command } }) => command?.join(' ')),
    row('folder', ({ path }) => path),
  ]);
}
