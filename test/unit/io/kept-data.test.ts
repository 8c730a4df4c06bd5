/** How data is taken for a model goes with it, by saveModel and convertModel. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { convertModel, datasets, layers, saveModel, sequential } from '../../../src/index';
import { keptBeside } from '../../../src/io/kept-data';
import { failure } from '../../support/models';
import { temporaryFolder } from '../../support/script';

const root = temporaryFolder();
const model = () => sequential([layers.dense(1, { inputShape: [1] })]);
const at = (name: string) => join(root, name);
const inIt = (name: string) => readdirSync(at(name)).sort();

async function table(scale: number) {
  const file = at(`t${scale}.csv`);
  writeFileSync(file, ['x,y', ...Array.from({ length: 20 }, (_, i) => `${i * scale},${i}.5`)].join('\n'));
  return datasets.open(file, { label: 'y' });
}

test('columns of a table are written, and replaced, and go with a conversion into a folder', async () => {
  const [first, second] = [await table(1), await table(1000)];
  await saveModel(model(), at('m'), { data: first });
  expect(keptBeside(at('m')).schema).toEqual(first.schema);
  await saveModel(model(), at('m'), { data: second });
  expect(keptBeside(at('m')).schema).toEqual(second.schema);
  expect((await convertModel(at('m'), at('web'))).leftOut).not.toContainEqual(
    expect.stringMatching(/columns/),
  );
  expect(keptBeside(at('web')).schema).toEqual(second.schema);
  expect((await convertModel(at('m'), at('m.npz'))).leftOut).toContain(
    'how the columns were standardised: it has no place for them',
  );
});

test('names of classes', async () => {
  await saveModel(model(), at('named'), { data: { classNames: ['no', 'yes'] } });
  expect(keptBeside(at('named'))).toEqual({ classNames: ['no', 'yes'] });
});

test('a model that is replaced takes what was kept for it along', async () => {
  await saveModel(model(), at('old'), { data: await table(1) });
  await saveModel(model(), at('old'));
  expect(inIt('old')).toEqual(['model.json', 'weights.safetensors']);
});

test("another program's data.json is left alone, and a run's", async () => {
  mkdirSync(at('project'));
  writeFileSync(join(at('project'), 'data.json'), '{"rows": []}');
  await saveModel(model(), at('project'));
  expect(readFileSync(join(at('project'), 'data.json'), 'utf8')).toBe('{"rows": []}');
  mkdirSync(at('run'));
  writeFileSync(join(at('run'), 'environment.json'), '{}');
  writeFileSync(join(at('run'), 'data.json'), '{"classes": ["a", "b"]}');
  await saveModel(model(), at('run'));
  expect(keptBeside(at('run'))).toEqual({ classNames: ['a', 'b'] });
});

test.each([
  ['a file', 'x.npz', { classNames: ['a'] }, 'one file has no place for it'],
  ['nothing', 'x', {}, 'with a schema or classNames'],
  ['a schema that is none', 'x', { schema: { columns: [] } }, 'with a schema or classNames'],
  ['names that are none', 'x', { classNames: [1] }, 'with a schema or classNames'],
])('%s: refused before anything is written', async (_, name, data, said) => {
  const error = await failure(saveModel(model(), at(name), { data: data as never }));
  expect([error.code, error.message]).toEqual(['ERR_ARG', expect.stringContaining(said)]);
  expect(existsSync(at(name))).toBe(false);
});
