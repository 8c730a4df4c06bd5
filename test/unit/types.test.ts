/** The declarations that users get, read as the strictest of them do. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { repository, temporaryFolder } from '../support/script';

const folder = temporaryFolder();

/** What TypeScript has against a program that imports fusor. */
function complaints(program: string): string[] {
  const file = join(folder, 'consumer.mts');
  writeFileSync(file, program);
  const options: ts.CompilerOptions = {
    strict: true,
    noUncheckedIndexedAccess: true,
    exactOptionalPropertyTypes: true,
    // Also those of the declarations themselves.
    skipLibCheck: false,
    noEmit: true,
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.Node16,
    moduleResolution: ts.ModuleResolutionKind.Node16,
    types: ['node'],
    typeRoots: [join(repository, 'node_modules', '@types')],
    paths: { fusor: [join(repository, 'dist', 'index.d.ts')] },
  };
  const found = ts.getPreEmitDiagnostics(ts.createProgram([file], options));
  return found.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'));
}

const BEGINNING = `
import { datasets, earlyStopping, layers, type Callback, sequential, toCategorical, saveModel } from 'fusor';
const { train, test } = await datasets.mnist();
const model = sequential([layers.flatten({ inputShape: [28, 28, 1] }), layers.dense(10, { activation: 'softmax' })]);
model.compile({ optimizer: 'adam', loss: 'categoricalCrossentropy', metrics: ['accuracy'] });
`;

test('training, testing, saving: without a complaint', () => {
  const program = `${BEGINNING}
    const own: Callback = { onEpochEnd: (epoch, logs) => console.log(epoch, logs['loss']?.toFixed(3)) };
    const quick: Callback = { onProgress: ({ batch }, context) => batch > 3 && context.stop() };
    const history = await model.fit(train.x, toCategorical(train.y, 10), {
      epochs: 2,
      signal: undefined,
      callbacks: [own, quick, earlyStopping({ patience: 2 })],
    });
    const { loss } = await model.evaluate(test.x, toCategorical(test.y, 10));
    const mean: number = loss;
    const losses: Float32Array = history.stepLosses;
    const own2 = await datasets.open('houses.csv', { label: 'price' });
    await saveModel(model, 'here', { data: own2 });
    const { words } = await datasets.imdb({ words: 100 });
    console.log(mean, losses, words[0]?.length);
    export {};`;
  expect(complaints(program)).toEqual([]);
}, 60_000);

test('what is none of ours is seen', () => {
  const program = `${BEGINNING}
    await model.fit(train.x, train.y, { epoch: 2 });
    layers.dense(3, { activation: 'reluu' });
    const history = await model.fit(train.x, train.y);
    history.addEpoch(1, {}, 2);
    export {};`;
  expect(complaints(program)).toEqual(
    ['epoch', 'reluu', 'addEpoch'].map((name) => expect.stringContaining(name)),
  );
}, 60_000);
