/** Training on a simulated GPU that fails, by the command line. */
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { documentOf, fusor, type Ran } from './cli';
import { figure } from './figures';
import { resultOf } from './kills';

/** 15 steps an epoch, 30 in all. */
export const SHORT = [
  '--limit',
  '300',
  '--layers',
  '16',
  '--seed',
  '7',
  '--batch-size',
  '16',
  '--epochs',
  '2',
];
export const STEPS = 30;

export class FailingRuns {
  #whole: Promise<ReturnType<typeof resultOf>> | undefined;
  #runs = 0;

  /** @param flags of a backend, without its device */
  constructor(
    private readonly cwd: string,
    private readonly flags: readonly string[],
  ) {}

  async start(faults: string, more: readonly string[] = [], env = {}): Promise<Ran & { runDir: string }> {
    const runDir = join(this.cwd, `${this.flags[1]}-${this.#runs++}`);
    mkdirSync(this.cwd, { recursive: true });
    const words = ['train', ...SHORT, ...this.flags, '--quiet', '--json', '--run-dir', runDir, ...more];
    const ran = await fusor(words, { cwd: this.cwd, env: { FUSOR_FAULT: faults, ...env } });
    return { ...ran, runDir };
  }

  /**
   * Trains with these faults: the run ends on the CPU or, after one fault, the same device, as though nothing had been.
   * @param interval steps, at most, between two checkpoints
   */
  async recovers(faults: string, interval: number, more: readonly string[] = [], env = {}): Promise<Ran> {
    const ran = await this.start(faults, more, env);
    const { status, signal, stderr, runDir } = ran;
    const count = faults.split(',').length;
    expect([status, signal]).toEqual([0, null]);
    const lines = stderr.trimEnd().split('\n');
    expect(lines).toHaveLength(count);
    for (const line of lines)
      expect(line).toMatch(/^fusor: .*cuda:0 \(simulated\) failed: .* from step \d+$/);
    const document = documentOf(ran);
    expect(document.backend.device).toBe(count > 1 ? 'cpu' : 'cuda:0 (simulated)');
    expect(document.fallback).toHaveLength(count);
    for (const [i, fault] of faults.split(',').entries()) {
      const at = /@step:(\d+)/.exec(fault);
      if (at) expect(Math.max(0, Number(at[1]) - document.fallback[i].step)).toBeLessThanOrEqual(interval);
    }
    expect(document.history).toHaveLength(2);
    expect(document.timing.steps).toBe(STEPS);
    expect(resultOf(runDir)).toEqual(await this.whole());
    expect(readdirSync(runDir).filter((name) => /tmp|lock/.test(name))).toEqual([]);
    figure('failures of a simulated GPU recovered from', count);
    return ran;
  }

  /** The same training on the real CPU, in a piece. */
  whole(): Promise<ReturnType<typeof resultOf>> {
    this.#whole ??= this.start('none', ['--device', 'cpu']).then((ran) => {
      expect(documentOf(ran)).toMatchObject({ backend: { device: 'cpu' }, fallback: [] });
      return resultOf(ran.runDir);
    });
    return this.#whole;
  }
}
