import { join, relative, resolve } from 'node:path';
import { wrong } from '../../arguments';
import { FusorError } from '../../errors';
import { writeAtomic } from '../../files/atomic';
import { chooseSeed } from '../../random';
import { freshFolder, makeFolder } from '../../runs/fresh-folder';
import type { Call, Run } from '../command';
import { comparisonPage, fastest, partings } from '../compare/page';
import { type ComparedRun, readRun } from '../compare/run';
import { compareSteps } from '../compare/steps';
import { COLUMNS, figures } from '../compare/table';
import { trainOn } from '../compare/train';
import { interruptible } from '../interrupt';
import { common, type compare } from '../options';
import { table } from '../output';
import { type Way, wayOf } from '../ways';

export const run: Run<typeof compare> = async (call) => {
  const { settings, words, out } = call;
  if (words.length > 0 === settings.backends.length > 0)
    throw usage(
      'give either runs or --backends',
      'fusor compare RUN RUN…, or fusor compare --backends native,tfjs',
    );
  if (words.length > 0) checkOptions(call);
  const ways = words.length > 0 ? [] : waysOf(call);
  const read = words.length > 0 ? await readRuns(words) : undefined;
  const folder = settings.runDir === undefined ? await freshFolder('compare') : resolve(settings.runDir);
  const runs = read ?? (await trainAll(call, ways, folder));
  const steps = runs.slice(1).map((other) => compareSteps(other, runs[0]));
  const file = join(folder, 'compare.html');
  await makeFolder(folder);
  await writeAtomic(file, comparisonPage(runs, steps));
  const document = {
    schema: 'fusor.comparison',
    version: 1,
    runs: runs.map(({ name, path, epochSeconds, peakBytes, startupSeconds, document: of }) => {
      const { backend, seed, data, history, test, timing, fallback } = of;
      const { stepMicroseconds, steps: count } = timing;
      const measured = { epochSeconds, stepMicroseconds, steps: count, peakBytes, startupSeconds };
      return { name, path, backend, seed, data, last: history.at(-1) ?? null, test, ...measured, fallback };
    }),
    partings: steps.map(({ step, incomparable }, i) => ({
      run: runs[i + 1].name,
      from: runs[0].name,
      step,
      incomparable,
    })),
    page: file,
  };
  out.result(document, () => {
    const rows = figures(runs).map((cells, i) => [runs[i].name, ...cells.map(({ text }) => text)]);
    const titles = COLUMNS.map(({ title }) => title);
    const shown = table(
      ['', ...titles],
      rows,
      titles.map((_, i) => i + 1),
    );
    return [shown, '', fastest(runs), partings(runs, steps), `page ${relative('', file)}`].join('\n');
  });
  return 0;
};

/** Runs are compared as they are. @throws ERR_ARG for what only training takes */
function checkOptions({ origins }: Call<typeof compare>): void {
  const flag = Object.entries(origins)
    .filter(([key]) => !(key in common || key === 'runDir'))
    .map(([, origin]) => origin)
    .find((origin) => origin.startsWith('--'));
  if (flag)
    throw usage(
      `${flag} is for training, and these runs have trained`,
      'leave it out, or name --backends instead of runs',
    );
}

/** Named by their folders; by their paths where two are called the same. */
async function readRuns(paths: readonly string[]): Promise<ComparedRun[]> {
  if (paths.length < 2) throw usage('one run alone cannot be compared', 'name two or more');
  const runs = paths.map((path) => readRun(resolve(path)));
  const twice = (name: string) => runs.filter((other) => other.name === name).length > 1;
  return runs.map((each, i) => (twice(each.name) ? { ...each, name: paths[i] } : each));
}

/** @throws ERR_ARG */
function waysOf({ settings, origins }: Call<typeof compare>): Way[] {
  const ways = settings.backends.map((name) => wayOf(name, origins.backends));
  if (ways.length < 2 || new Set(settings.backends).size < ways.length)
    throw wrong(origins.backends, 'the value', settings.backends.join(','), 'two or more different backends');
  return ways;
}

/** One after the other, so that they do not share the processor. */
function trainAll(
  { settings, out }: Call<typeof compare>,
  ways: readonly Way[],
  folder: string,
): Promise<ComparedRun[]> {
  const seed = settings.seed ?? chooseSeed();
  return interruptible(async (signal) => {
    const runs: ComparedRun[] = [];
    for (const way of ways) {
      out.note(`training on ${way.name} · seed ${seed} …`);
      const runDir = join(folder, way.name.replace(/[:@]/g, '-'));
      await trainOn(way, { ...settings, seed }, runDir, signal);
      runs.push(readRun(runDir, way.name));
    }
    return runs;
  });
}

function usage(what: string, mend: string): FusorError {
  return new FusorError('ERR_ARG', [what, 'fusor compare', mend]);
}
