/** The kernel gate and the trainer on the instruction sets that few processors have, over a software emulation of their instructions. */
import { emulatedEngineTest, emulatedTest } from '../native/sanitized';
import { figure } from '../support/figures';
import { run } from '../support/script';
import { describeUnless } from '../support/skip';

const COUNT = /^(\d+) passed, 0 failed, 0 skipped$/m;
const obstacle = process.arch !== 'x64' && 'the emulated instructions are those of x86-64';

describeUnless(obstacle)('kernels over emulated instructions', () => {
  test.each(['avx512', 'amx'])('%s', async (isa) => {
    const { status, stdout, stderr } = await run(await emulatedTest(), ['--isa', isa]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    figure(`kernel cases of ${isa}, emulated`, Number(COUNT.exec(stdout)![1]));
  });

  test.each(['avx512', 'amx'])('the trainer on %s', async (isa) => {
    const { status, stdout, stderr } = await run(await emulatedEngineTest(), ['--isa', isa, '--steps', '4']);
    expect({ status, stdout, stderr }).toEqual({
      status: 0,
      stdout: expect.stringMatching(COUNT),
      stderr: '',
    });
    figure(`trainings on ${isa}, emulated`, Number(COUNT.exec(stdout)![1]));
  });
});
