#!/usr/bin/env node
// Every figure of README, measured again and written to results/: node scripts/bench/all.mjs [--repetitions 5]
// On an otherwise idle machine; some 40 minutes with all peers.
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { benchEnvironment } from '../../dist/backend/native/measure.js';
import { root } from '../lib/paths.mjs';

const { values } = parseArgs({ options: { repetitions: { type: 'string', default: '5' } } });
const repetitions = ['--repetitions', values.repetitions];
const large = ['--peers', 'fused Adam,scan', ...repetitions, '--save'];
const kernel = ['bench', 'kernel', '--threads', '1,2', '--quiet', '--json'];
const file = (name) => path.join(root, 'scripts', 'bench', `${name}.mjs`);

const jobs = [
  [file('memory'), '--save'],
  [file('busy'), ...repetitions, '--save'],
  [file('scaling'), '--repetitions', '3', '--save'],
  [file('random-nets'), '--save'],
  [file('train'), ...repetitions, '--save'],
  [file('train'), '--layers', '1024,1024', '--batch-size', '256', '--epochs', '2', ...large],
  [file('train'), '--net', '4096-4096-4096', '--batch-size', '512', ...large],
  [file('seeds'), '--save'],
];
for (const job of jobs) {
  console.log(`\n$ node ${path.relative(root, job[0])} ${job.slice(1).join(' ')}`);
  const { status } = spawnSync(process.execPath, job, { stdio: 'inherit', cwd: root });
  if (status !== 0) process.exitCode = 1;
}
console.log(`\n$ npx fusor ${kernel.join(' ')}`);
const measured = spawnSync(process.execPath, [path.join(root, 'scripts', 'fusor.mjs'), ...kernel], {
  cwd: root,
  env: benchEnvironment(),
  encoding: 'utf8',
  stdio: ['ignore', 'pipe', 'inherit'],
});
if (measured.status === 0) {
  const results = path.join(root, 'scripts', 'bench', 'results', 'kernel.json');
  writeFileSync(results, `${JSON.stringify(JSON.parse(measured.stdout), null, 2)}\n`);
} else process.exitCode = 1;
