#!/usr/bin/env node
// How much slower training gets when another process keeps one core busy, in interleaved runs:
//   node scripts/bench/busy.mjs [--repetitions 5] [--epochs 2] [--save]
import { spawn } from 'node:child_process';
import { parseArgs } from 'node:util';
import { runMain } from '../lib/failure.mjs';
import { documentOf, fusorTrain, median, note } from './common.mjs';

// Ends by itself, should nobody be left to end it.
const SPIN = 'for (const end = Date.now() + 60_000; Date.now() < end; );';

async function benchBusy({ repetitions = 5, epochs = 2, save = false } = {}) {
  const flags = ['--backend', 'native', '--epochs', epochs, '--seed', 7];
  const micros = async () => (await fusorTrain(flags)).timing.stepMicroseconds;
  const alone = [];
  const beside = [];
  for (let i = 0; i < repetitions; i++) {
    note(`a busy core: round ${i + 1} of ${repetitions}`);
    alone.push(await micros());
    const spinner = spawn(process.execPath, ['-e', SPIN], { stdio: 'ignore' });
    try {
      beside.push(await micros());
    } finally {
      spinner.kill('SIGKILL');
    }
  }
  const figures = {
    stepMicroseconds: { alone, besideBusyCore: beside },
    timesSlower: median(beside.map((value, i) => value / alone[i])),
  };
  const command = `node scripts/bench/busy.mjs --repetitions ${repetitions} --epochs ${epochs} --save`;
  return documentOf('busy', command, figures, save);
}

await runMain(import.meta.url, async () => {
  const text = { type: 'string' };
  const { values } = parseArgs({
    options: { repetitions: text, epochs: text, save: { type: 'boolean' } },
  });
  const { stepMicroseconds, timesSlower } = await benchBusy(values);
  const shown = (list) => median(list).toFixed(0);
  const { alone, besideBusyCore } = stepMicroseconds;
  console.log(
    `${shown(alone)} us a step alone, ${shown(besideBusyCore)} beside a busy core: ${timesSlower.toFixed(2)} times, median of the pairs`,
  );
  return 0;
});
