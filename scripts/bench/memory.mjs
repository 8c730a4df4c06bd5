#!/usr/bin/env node
// Peak resident memory of `fusor train` on MNIST, ten epochs: node scripts/bench/memory.mjs [--epochs 10] [--save]
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { runMain } from '../lib/failure.mjs';
import { documentOf, fusorTrain, here, note } from './common.mjs';

const CONTENDERS = {
  native: ['--backend', 'native'],
  'native, framework kernels': ['--backend', 'native', '--kernels', 'framework'],
};

/** @returns {Promise<number>} bytes */
async function peakOf(flags) {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'fusor-memory-'));
  const file = path.join(folder, 'peak');
  const node = ['--require', path.join(here, 'peak-rss.cjs')];
  try {
    await fusorTrain(flags, { node, env: { PEAK_RSS_FILE: file } });
    return Number(readFileSync(file, 'utf8'));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function benchMemory({ epochs = 10, save = false } = {}) {
  const rows = [];
  for (const [name, flags] of Object.entries(CONTENDERS)) {
    note(`peak memory: ${name}`);
    rows.push({ name, peakBytes: await peakOf([...flags, '--epochs', epochs, '--seed', 7]) });
  }
  return documentOf('memory', `node scripts/bench/memory.mjs --epochs ${epochs} --save`, { rows }, save);
}

await runMain(import.meta.url, async () => {
  const { values } = parseArgs({ options: { epochs: { type: 'string' }, save: { type: 'boolean' } } });
  for (const { name, peakBytes } of (await benchMemory(values)).rows)
    console.log(`${name}: ${(peakBytes / 1e6).toFixed(0)} MB`);
  return 0;
});
