/** What was asked of scripts/gpu/verify, and how much time is left. */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { buildDir } from '../lib/paths.mjs';

const { values } = parseArgs({
  options: {
    out: { type: 'string' },
    minutes: { type: 'string', default: '9' },
    only: { type: 'string' },
    rounds: { type: 'string', default: '2' },
    ways: { type: 'string', default: '' },
    'dry-run': { type: 'boolean', default: false },
  },
});

export const dry = values['dry-run'];
export const rounds = Number(values.rounds);
export const out = values.out ?? join(process.env.OUT ?? buildDir, 'gpu.json');

// From where the shell began: unpacking counts, too.
export const begun = Number(process.env.FUSOR_VERIFY_BEGUN ?? 0) * 1000 || Date.now();
/** Seconds. */
export const left = () => Number(values.minutes) * 60 - (Date.now() - begun) / 1000;

/** Whether a step is to be done: all others need the build; `flagship` means flagship-again, too. */
export const wanted = (step) =>
  !values.only ||
  ['machine', 'build'].includes(step) ||
  values.only.split(',').some((each) => step === each || step === `${each}-again`);

/** Whether a way to train is to be measured. */
export const measured = (way) => new RegExp(values.ways).test(way);

export const kinds = dry ? ['framework'] : ['fused', 'framework'];
