/** The kernel gate under the compiler's sanitizers. */
import { join } from 'node:path';
import { figure } from '../support/figures';
import { callScript, repository, run } from '../support/script';

test('the kernel cases under AddressSanitizer and UndefinedBehaviorSanitizer', async () => {
  const script = join(repository, 'scripts/build-native.mjs');
  const { value, error } = await callScript(script, 'buildKernelTests', [{ sanitize: 'address,undefined' }]);
  expect(error).toBeUndefined();
  const { status, stdout, stderr } = await run(value as string, []);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  const [, passed, failed] = /^(\d+) passed, (\d+) failed, \d+ skipped$/m.exec(stdout) ?? [];
  expect(Number(failed)).toBe(0);
  figure('kernel cases under ASan and UBSan', Number(passed));
});
