/**
 * The golden files: what the reference session made of each case. To write them anew, after a change of the
 * contract's formulas and of nothing else:
 *
 *     FUSOR_WRITE_GOLDEN=1 npx jest -c test/jest.config.cjs test/conformance/golden
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SessionState, SpanReport } from '../../src/backend/contract';
import type { Golden } from './golden-cases';

const pathOf = (name: string) => join(__dirname, 'golden', `${name}.json`);

export function readGolden(name: string): Golden {
  return JSON.parse(readFileSync(pathOf(name), 'utf8'));
}

export function writeGolden(name: string, report: SpanReport, state: SessionState): void {
  const golden: Golden = {
    losses: Array.from(report.losses),
    metrics: report.metrics.map((values) => Array.from(values)),
    parameters: state.weights.map((w) => {
      const every = Math.max(1, Math.floor(w.length / 400));
      return { norm: normOf(w), every, values: sampleOf(w, every) };
    }),
  };
  writeFileSync(pathOf(name), `${JSON.stringify(golden)}\n`);
}

export function normOf(w: Float32Array): number {
  return Math.sqrt(w.reduce((sum, value) => sum + value * value, 0));
}

export function sampleOf(w: Float32Array, every: number): number[] {
  return Array.from(w).filter((_, i) => i % every === 0);
}
