#!/usr/bin/env node
// `npm test`: lint, types, package, kernel tests, unit tests, then the conformance suite once per target, in processes of its own
// (one native framework per process). What did not run is said, with the reason.
// `npm run test:long`: the files of test/long alone, which take minutes to hours. Both end with their figures.
//   npm test -- [FILTER …]   a filter is a check (lint, types, publint, kernels, cuda, cuda-resources), a part of a test file's path
//                            (unit/random), a target (@tfjs-wasm), or both (conformance/spans@native-fused)
import { existsSync } from 'node:fs';
import { join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { runMain } from './lib/failure.mjs';
import { filesBelow, readJson } from './lib/files.mjs';
import { root } from './lib/paths.mjs';
import { checks } from './lib/test-checks.mjs';
import { runJest } from './lib/test-jest.mjs';
import { nvidiaDriver } from './lib/variant.mjs';

/** With or without its ending, a filter finds a file. */
const plain = (name) => name.replace('.test.ts', '');
/** Within test/. */
const path = (file) => plain(relative(join(root, 'test'), file));
const isLong = (file) => path(file).startsWith('long');
const isConformance = (file) => path(file).startsWith('conformance');
const testFiles = filesBelow(join(root, 'test')).filter((file) => file.endsWith('.test.ts'));

/** Everything that would run, as sections in order. */
function sections(filters) {
  const wanted = (label) => filters.length === 0 || filters.some((filter) => label.includes(filter));
  const chosen = checks.filter(({ name }) => filters.length === 0 || filters.includes(name));
  const unit = testFiles.filter((file) => !isLong(file) && !isConformance(file) && wanted(path(file)));
  if (unit.length) chosen.push({ name: 'unit', run: () => runJest('unit', unit) });

  for (const target of readJson(join(root, 'test/conformance/targets.json')) ?? []) {
    const files = testFiles.filter((file) => isConformance(file) && wanted(`${path(file)}@${target.name}`));
    if (files.length === 0) continue;
    const env = {
      ...target.env,
      FUSOR_CONFORMANCE_TARGET: target.name,
      ...(target.short && { FUSOR_CONFORMANCE_SHORT: '1' }),
    };
    const name = `conformance@${target.name}`;
    const required = (process.env.FUSOR_REQUIRE ?? '').split(',').includes(target.name);
    const absent = target.needsGpu && !required && !nvidiaDriver();
    const run = () => runJest(name, files, { env });
    chosen.push({ name, run: absent ? async () => noGpu(name, files.length) : run });
  }
  return chosen;
}

const noGpu = (name, skipped) => ({
  passed: 0,
  failed: 0,
  skipped,
  reasons: [`${name}: there is no NVIDIA driver here`],
});

/** The long tier: one section, named after its parts, for several may run at once. */
function longSections(filters) {
  const wanted = (file) => filters.length === 0 || filters.some((filter) => path(file).includes(filter));
  const files = testFiles.filter((file) => isLong(file) && wanted(file));
  const name = ['long', ...filters].join(' ');
  const run = () => runJest(name, files, { config: 'jest.long.config.cjs' });
  return files.length ? [{ name, run }] : [];
}

async function twoAtATime(tasks) {
  const queue = [...tasks];
  const lane = async () => {
    for (let task = queue.shift(); task; task = queue.shift()) await task();
  };
  await Promise.all([lane(), lane()]);
}

function printTable(rows) {
  const cells = [
    ['ran', 'passed', 'failed', 'skipped', 'seconds'],
    ...rows.map((row) => [row.name, row.passed, row.failed, row.skipped, row.seconds.toFixed(1)]),
  ].map((row) => row.map(String));
  const widths = cells[0].map((_, column) => Math.max(...cells.map((row) => row[column].length)));
  const line = (row) =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join('  ');
  console.log(`\n${cells.map(line).join('\n')}\n`);
}

function printReasons(reasons) {
  if (reasons.length) console.log(`not run, and why:\n${reasons.map((reason) => `  ${reason}\n`).join('')}`);
}

/** What the tests noted, summed by name. */
function printFigures(figures) {
  const sums = new Map();
  for (const { name, count } of figures) sums.set(name, (sums.get(name) ?? 0) + count);
  const lines = [...sums].map(([name, sum]) => `  ${sum.toLocaleString('en-US').padStart(12)}  ${name}\n`);
  if (lines.length) console.log(`figures:\n${lines.sort().join('')}`);
}

await runMain(import.meta.url, async () => {
  if (!existsSync(join(root, 'dist'))) {
    process.stderr.write('fusor: nothing is built · dist/ is absent · run `npm run setup -- --test` first\n');
  }
  const rows = [];
  const { values, positionals } = parseArgs({
    options: { long: { type: 'boolean' } },
    allowPositionals: true,
  });
  const run = async (section) => {
    const begun = Date.now();
    process.stderr.write(`\n── ${section.name}\n`);
    const row = { name: section.name, ...(await section.run()), seconds: (Date.now() - begun) / 1000 };
    rows[all.indexOf(section)] = row;
  };
  const filters = positionals.map(plain);
  const all = values.long ? longSections(filters) : sections(filters);
  // A check is one process most of the time; the files of a jest section share the cores among themselves.
  await twoAtATime(all.filter((section) => checks.includes(section)).map((section) => () => run(section)));
  for (const section of all.filter((each) => !checks.includes(each))) await run(section);
  const total = (key) => rows.reduce((sum, row) => sum + row[key], 0);
  printTable(rows);
  printFigures(rows.flatMap((row) => row.figures ?? []));
  printReasons(rows.flatMap((row) => row.reasons ?? []));
  console.log(`${total('passed')} passed, ${total('failed')} failed, ${total('skipped')} skipped`);
  return total('failed') > 0 || total('passed') === 0 ? 1 : 0;
});
