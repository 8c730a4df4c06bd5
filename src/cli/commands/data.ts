import { resolve } from 'node:path';
import { oneOf } from '../../arguments';
import { isOwnFolder, loadDataset } from '../../data/datasets';
import { datasetNames, findDataset, locateDataset, mendDataset } from '../../data/registry';
import { FusorError, isFusorError } from '../../errors';
import type { Call, Run } from '../command';
import type { data as options } from '../options';
import { table, thousands } from '../output';
import { rowsOf } from '../train/data';

type DataCall = Call<typeof options>;

export const run: Run<typeof options> = async (call) => {
  const { action, name } = call.args;
  switch (oneOf('fusor data', 'the action', action, ['list', 'fetch', 'verify', 'path'] as const)) {
    case 'list':
      return list(call);
    case 'fetch':
      return fetch(call, needed(name));
    case 'verify':
      return verify(call, needed(name));
    case 'path':
      return path(call, needed(name));
  }
};

function needed(name: string | undefined): string {
  if (name) return name;
  throw new FusorError('ERR_ARG', [
    'the name is missing',
    'fusor data',
    `name one of ${datasetNames().join(', ')}`,
  ]);
}

function list({ settings, out }: DataCall): number {
  const entries = datasetNames().map((name) => {
    const entry = findDataset(name);
    return { name, title: entry.title, folder: locate(() => locateDataset(entry, settings)) };
  });
  out.result({ schema: 'fusor.data', version: 1, datasets: entries }, () =>
    table(
      ['name', 'what', 'where'],
      entries.map(({ name, title, folder }) => [name, title, folder ?? 'not here']),
    ),
  );
  return 0;
}

/** Null when it is not there. */
function locate(find: () => string): string | null {
  try {
    return find();
  } catch (error) {
    if (isFusorError(error) && error.code === 'ERR_DATA_MISSING') return null;
    throw error;
  }
}

/** Where it is already, and whole, nothing is fetched. */
async function fetch({ settings, out }: DataCall, name: string): Promise<number> {
  const folder = await mendDataset(findDataset(name), settings);
  out.result({ schema: 'fusor.data', version: 1, name, folder }, () => folder);
  return 0;
}

function path({ settings, out }: DataCall, name: string): number {
  const folder = isOwnFolder(name) ? resolve(name) : locateDataset(findDataset(name), settings);
  out.result({ schema: 'fusor.data', version: 1, name, folder }, () => folder);
  return 0;
}

/** A set by name against its published digests; a folder of the user's own for being whole. */
async function verify({ settings, out }: DataCall, name: string): Promise<number> {
  if (isOwnFolder(name)) {
    const { sha256, train, test, classes } = await loadDataset(name, settings);
    const rows = { train: rowsOf(train), test: test ? rowsOf(test) : 0 };
    const document = {
      schema: 'fusor.data',
      version: 1,
      name,
      folder: resolve(name),
      ok: true,
      rows,
      classes,
      sha256,
    };
    out.result(document, () => {
      const counts = `${thousands(rows.train)} rows to train, ${thousands(rows.test)} to test, ${classes ? `${classes} classes` : 'values'}`;
      return `whole: ${counts}\nsha256 ${sha256}`;
    });
    return 0;
  }
  const entry = findDataset(name);
  const folder = locateDataset(entry, settings);
  const checks = entry.verify(folder);
  const bad = checks.filter(({ ok }) => !ok);
  if (bad.length > 0) {
    const [{ file, md5, sha256, expected }] = bad;
    const [received, wanted] = expected.md5
      ? [`md5 ${md5}`, expected.md5]
      : [`sha256 ${sha256}`, expected.sha256!];
    throw new FusorError(
      'ERR_DATA_DIGEST',
      [
        `${bad.length} of ${checks.length} files differ from the published ones: ${received}, not ${wanted}`,
        file,
      ],
      { folder, files: bad.map((check) => check.file), expected: wanted, received },
    );
  }
  const files = checks.map(({ file, md5, sha256 }) => ({ file, md5, sha256 }));
  out.result({ schema: 'fusor.data', version: 1, name, folder, ok: true, files }, () =>
    files.map(({ file, md5 }) => `ok  ${md5}  ${file}`).join('\n'),
  );
  return 0;
}
