import { wrong } from '../arguments';

/** When checkpoints are written; parts that are absent: never for that reason. */
export interface Schedule {
  epochs?: number;
  steps?: number;
  seconds?: number;
  best?: boolean;
}

const EVERY = /^every:(\d+(?:\.\d+)?)(|epochs?|steps?|s|m|h)$/;
const SECONDS: Record<string, number> = { s: 1, m: 60, h: 3600 };
const ALLOWED =
  'best, every:N (epochs), every:Nsteps, every:30s (or m, h), several of them with commas, or none';

/** @throws ERR_ARG */
export function scheduleOf(where: string, name: string, text: unknown): Schedule {
  const refuse = () => wrong(where, name, text, ALLOWED);
  if (typeof text !== 'string') throw refuse();
  const schedule: Schedule = {};
  if (text === 'none') return schedule;
  for (const part of text.split(',')) {
    const [, digits, unit] = EVERY.exec(part.trim()) ?? [];
    const value = Number(digits);
    const key = unit in SECONDS ? 'seconds' : unit?.startsWith('step') ? 'steps' : 'epochs';
    if (part.trim() === 'best' && !schedule.best) schedule.best = true;
    else if (!(value > 0) || schedule[key] !== undefined) throw refuse();
    else if (key === 'seconds' && value * SECONDS[unit] >= 0.01 && value * SECONDS[unit] <= 2e6)
      schedule.seconds = value * SECONDS[unit];
    else if (key === 'seconds') throw wrong(where, name, text, 'from every:0.01s to every:555h');
    else if (Number.isInteger(value) && value < 2 ** 31) schedule[key] = value;
    else throw refuse();
  }
  return schedule;
}
