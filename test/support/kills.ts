/** Training that is killed again and again, at moments of all kinds, and goes on each time. */
import type { ChildProcess } from 'node:child_process';
import { existsSync, type FSWatcher, mkdirSync, readdirSync, readFileSync, watch } from 'node:fs';
import { join } from 'node:path';
import { listCheckpoints, loadCheckpoint } from '../../src/runs/checkpoint-folder';
import { finished, startCli } from './cli';

/** Before training, while it trains, or in the middle of a save: each a third. */
const MOMENTS = ['any', 'training', 'saving'] as const;
type Moment = (typeof MOMENTS)[number];

export interface Killed {
  kills: Record<Moment, number>;
  /** Of them, those that left a temp file: they did hit a save. */
  torn: number;
  /** Starts that were refused because a probe of the backend took too long, on a machine with too much to do. */
  refused: number;
  /** Steps that the last checkpoint was at, after each kill. */
  steps: number[];
}

const hasEnded = ({ exitCode, signalCode }: ChildProcess) => exitCode !== null || signalCode !== null;

/** Resolves when the child has written `words` to stderr, or has ended. */
export function said(child: ChildProcess, words: string): Promise<void> {
  let text = '';
  return new Promise((done) => {
    if (hasEnded(child)) done();
    child.stderr!.on('data', (chunk) => {
      text += chunk;
      if (text.includes(words)) done();
    });
    child.once('close', () => done());
  });
}

/** Resolves when a temp file of a save appears in `folder`, or the child has ended. */
export function saving(child: ChildProcess, folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true });
  let watcher: FSWatcher | undefined;
  return new Promise<void>((done) => {
    if (hasEnded(child)) done();
    watcher = watch(folder, (_event, name) => name?.startsWith('.step-') && done());
    child.once('close', () => done());
  }).finally(() => watcher?.close());
}

/**
 * Starts `fusor train ARGS --run-dir RUN`, kills it, goes on with --resume, kills it, …
 * @param random numbers in [0, 1)
 * @throws when a run ends by itself, a checkpoint is not whole, or a line of the history is not
 */
export async function killAgainAndAgain(
  args: readonly string[],
  runDir: string,
  cwd: string,
  kills: number,
  random: () => number,
): Promise<Killed> {
  const checkpoints = join(runDir, 'checkpoints');
  const result: Killed = { kills: { any: 0, training: 0, saving: 0 }, torn: 0, refused: 0, steps: [] };
  for (let n = 0; n < kills; n++) {
    const goOn = existsSync(join(runDir, 'config.json'))
      ? ['--resume', runDir]
      : [...args, '--run-dir', runDir];
    const child = startCli(['train', ...goOn], { cwd });
    const end = finished(child);
    // Saving cannot be waited for where a run folder has to be empty yet.
    const moment = goOn[0] === '--resume' ? MOMENTS[n % MOMENTS.length] : 'training';
    if (moment === 'any') await wait(random() * 600);
    if (moment === 'training') await said(child, 'Epoch ').then(() => wait(random() * 100));
    if (moment === 'saving') {
      // Not always the first save.
      await said(child, 'Training on').then(() => wait(random() * 50));
      await saving(child, checkpoints);
    }
    child.kill('SIGKILL');
    const ran = await end;
    if (ran.status === 5 && ran.stderr.includes('the probe gave no answer') && result.refused++ < 10) {
      n--;
      continue;
    }
    if (ran.signal !== 'SIGKILL')
      throw new Error(`kill ${n} (${moment}): it ended by itself, ${ran.status}: ${ran.stdout}${ran.stderr}`);
    result.kills[moment]++;
    if (existsSync(checkpoints) && readdirSync(checkpoints).some((name) => /^\.step-.*\.tmp$/.test(name)))
      result.torn++;
    const whole = await listCheckpoints(checkpoints);
    for (const { file } of whole) await loadCheckpoint(file);
    result.steps.push(whole[0]?.step ?? 0);
    checkLines(join(runDir, 'metrics.jsonl'));
  }
  return result;
}

/** Every line is whole, but for a last one without its end: the next start takes that back. */
function checkLines(file: string): void {
  if (!existsSync(file)) return;
  const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1);
  for (const line of lines) JSON.parse(line);
}

const wait = (milliseconds: number) => new Promise((done) => setTimeout(done, milliseconds));

/** The weights of a run's model, and its history without the times. */
export function resultOf(runDir: string): { weights: Buffer; history: unknown } {
  const lines = readFileSync(join(runDir, 'metrics.jsonl'), 'utf8').trimEnd().split('\n');
  const history = lines.map((line) => ({ ...JSON.parse(line), seconds: 0, memoryBytes: 0 }));
  return { weights: readFileSync(join(runDir, 'model', 'weights.safetensors')), history };
}
