import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { BACKENDS, documentOf, fusor, TENSORFLOW } from '../support/cli';
import { temporaryFolder } from '../support/script';
import { describeUnless, testUnless } from '../support/skip';

const cwd = temporaryFolder();
const [, [, native, obstacle]] = BACKENDS;
const flags = ['--limit', '4000', '--epochs', '1', '--seed', '7', '--step-losses', '--json', '--quiet'];
// 3,200 rows to train on, 32 a step: exactly 100 steps.
const trained = async (name: string, more: string[]) =>
  documentOf(await fusor(['train', ...flags, '--run-dir', join(cwd, name), ...more], { cwd }));
const weightsOf = (name: string) => readFileSync(join(cwd, name, 'model', 'weights.safetensors'));

describeUnless(obstacle)('the same seed gives the same training', () => {
  let fused: Awaited<ReturnType<typeof trained>>;
  beforeAll(async () => {
    fused = await trained('fused', [...native, '--kernels', 'fused', '--threads', '2']);
  });

  test('again and on another number of threads: bit for bit', async () => {
    const again = await trained('again', [...native, '--kernels', 'fused', '--threads', '2']);
    const alone = await trained('alone', [...native, '--kernels', 'fused', '--threads', '1']);
    expect(alone.backend.threads).toBe(1);
    for (const other of [again, alone]) {
      expect(other.stepLosses).toEqual(fused.stepLosses);
      expect(other.test).toEqual(fused.test);
    }
    expect(weightsOf('again').equals(weightsOf('fused'))).toBe(true);
    expect(weightsOf('alone').equals(weightsOf('fused'))).toBe(true);
  });

  const within = async (name: string, more: string[]) => {
    const other = await trained(name, more);
    expect(other.stepLosses).toHaveLength(100);
    const worst = Math.max(
      ...other.stepLosses.map((loss: number, i: number) => Math.abs(loss / fused.stepLosses[i] - 1)),
    );
    expect(worst).toBeLessThan(1e-4);
    expect(Math.abs(other.history[0].loss / fused.history[0].loss - 1)).toBeLessThan(0.01);
  };

  test.each([
    ['native framework kernels', [...native, '--kernels', 'framework']],
    ['tfjs wasm', ['--backend', 'tfjs', '--tfjs-engine', 'wasm']],
  ])('on %s: 100 step losses within 1e-4, the epoch within 1 %%', async (name, more) => {
    await within(name, more);
  });

  const [name, tensorflow, absent] = TENSORFLOW;
  testUnless(absent)('on TensorFlow: the same', () => within(name, tensorflow));

  test('another seed is another training', async () => {
    const other = await trained('other', [...native, '--seed', '8']);
    expect(Math.abs(other.stepLosses[0] / fused.stepLosses[0] - 1)).toBeGreaterThan(1e-4);
  });
});
