/** What a run leaves for people: report.html and pictures/*.svg. */
import { basename, join } from 'node:path';
import type { OwnData } from '../../data/open-table';
import { writeAtomic } from '../../files/atomic';
import { makeFolders } from '../../files/make-folders';
import type { Model } from '../../index';
import { curves } from '../../report/curves';
import { Html, html } from '../../report/html';
import { decimals } from '../../report/number';
import { page, section } from '../../report/page';
import { type Drawing, framed, inPage, svgFile } from '../../report/svg';
import { figureTable } from '../../report/table';
import { thousands } from '../output';
import type { RunDocument } from '../train/document';
import { stoppedLine } from '../train/report';
import { type ClassPictures, classPictures, MOST_CLASSES, weightPicture } from './classes';
import { drawing, figuresOf } from './curves';
import { valuePicture } from './values';

/** @throws what the model or the disk has against it */
export async function writeReport(
  document: RunDocument,
  stepLosses: Float32Array,
  model: Model,
  { test, classNames }: OwnData,
  ranOn: string,
): Promise<void> {
  const { runDir } = document;
  const run = { name: basename(runDir), epochs: document.history, stepLosses };
  const figures = figuresOf([run]);
  const isClassifier = /rossentropy$/.test(model.toJSON().compile?.loss.kind ?? '');
  // A source of rows is too large to be shown.
  const shown = test && 'x' in test ? test : undefined;
  const predicted = shown && (await model.predict(shown.x, { batchSize: 1024 }));
  const classes = predicted && isClassifier ? classPictures(shown, predicted, classNames) : undefined;
  const values = predicted && !isClassifier ? valuePicture(shown, predicted) : undefined;
  const weights = await weightPicture(model);
  const drawings: Record<string, Drawing | undefined> = {
    ...Object.fromEntries(figures.map(({ name, figure }) => [name, drawing({ ...figure, legend: [] })])),
    values: values && drawing(values.figure),
    confusion: classes?.matrix && framed('Confusion matrix', MATRIX, classes.matrix),
    missed: classes?.missed && framed('Worst misses', MISSED, classes.missed),
    weights: weights && framed('First layer', WEIGHTS, weights),
  };
  const folder = join(runDir, 'pictures');
  makeFolders(folder);
  for (const [name, made] of Object.entries(drawings))
    if (made) await writeAtomic(join(folder, `${name}.svg`), svgFile(made));
  const body = [
    head(document, run.name, ranOn),
    section('Learning', [
      html`<div class="grid">${figures.map(({ figure }) => curves({ ...figure, legend: [] }))}</div>`,
    ]),
    ...(values
      ? [
          section('Values', [
            html`<p>${values.says}</p>`,
            html`<div class="grid">${curves(values.figure)}</div>`,
          ]),
        ]
      : []),
    ...(classes ? [section('Classes', classSections(classes))] : []),
    ...(weights
      ? [section('First layer', [html`<p class="muted">${WEIGHTS}</p>`, new Html(inPage(weights))])]
      : []),
  ];
  // Images within the page are all that it may load.
  const policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";
  await writeAtomic(join(runDir, 'report.html'), page(`fusor: ${run.name}`, body, policy));
}

const MATRIX = 'test rows · blue: right, orange: wrong';
const MISSED = 'test images that got the least for what they are: taken for, not; how sure';
const WEIGHTS = "each unit's weights · orange: above 0, blue: below";

function head(document: RunDocument, name: string, ranOn: string): Html {
  const { data, seed, model, history, test, timing, earlyStopping } = document;
  const stopped = earlyStopping && stoppedLine(earlyStopping);
  const early = stopped ? html`<p>Training ${stopped}.</p>` : html``;
  const accuracy = test.accuracy === null ? '' : ` · test accuracy ${(100 * test.accuracy).toFixed(2)} %`;
  const metrics = Object.entries(test)
    .filter(([key]) => key !== 'loss' && key !== 'accuracy')
    .map(([key, value]) => ` · test ${key} ${decimals(value ?? Number.NaN)}`);
  const step = `${timing.stepMicroseconds.toFixed(1)} µs a step`;
  return html`<h1>${name}</h1>
<p class="muted">${data.name} · ${thousands(data.rows)} rows · ${thousands(model.parameters)} parameters · seed ${String(seed)}</p>
<p class="lead">Test loss ${decimals(test.loss)}${accuracy}${metrics.join('')}</p>
${early}<p>${thousands(history.length)} epochs, ${thousands(timing.steps)} steps in ${timing.fitSeconds.toFixed(2)} s, ${step}, on ${ranOn}</p>
`;
}

function classSections({ classes, matrix, table, missed }: ClassPictures): Html[] {
  const without = (most: number) =>
    html`<p class="muted">left out: it has room for ${most} classes, these are ${thousands(classes)}</p>`;
  const found = matrix
    ? html`<p class="muted">${MATRIX}</p>${new Html(inPage(matrix))}`
    : without(MOST_CLASSES.matrix);
  return [
    html`<h3>Confusion matrix</h3>${found}`,
    html`<h3>By class</h3>${table ? figureTable(table[0], table.slice(1)) : without(MOST_CLASSES.table)}`,
    ...(missed ? [html`<h3>Worst misses</h3><p class="muted">${MISSED}</p>${new Html(inPage(missed))}`] : []),
  ];
}
