import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { skipsNative } from './environment.mjs';
import { kernelTestPath, root } from './paths.mjs';
import { runShown } from './run.mjs';

const count = (status) => ({ passed: status === 0 ? 1 : 0, failed: status === 0 ? 0 : 1, skipped: 0 });

/** A tool of node_modules that passes or fails as a whole: one test. */
const tool = (name, program, args) => ({
  name,
  run: async () =>
    count(
      (await runShown(process.execPath, [join(root, 'node_modules', program), ...args], { cwd: root }))
        .status,
    ),
});

/** The checks beside jest. Each: `run() → {passed, failed, skipped, reasons?, figures?}`. */
export const checks = [
  tool('lint', '@biomejs/biome/bin/biome', ['check', '--error-on-warnings', '.']),
  tool('types', 'typescript/bin/tsc', ['-p', 'test/tsconfig.json', '--noEmit']),
  tool('publint', 'publint/src/cli.js', ['run', '--strict', '--pack', 'npm']),
  { name: 'kernels', run: runKernelTests },
];

/** The C++ kernel tests; their last line counts, as ours does. */
async function runKernelTests() {
  if (!existsSync(kernelTestPath)) {
    const reason = skipsNative() ? 'FUSOR_SKIP_NATIVE is set' : null;
    if (reason) return { passed: 0, failed: 0, skipped: 1, reasons: [`kernels: ${reason}`] };
    process.stderr.write(`${kernelTestPath} is absent: run \`npm run setup -- --test\`\n`);
    return count(1);
  }
  const { status, output } = await runShown(kernelTestPath, [], { cwd: join(root, 'build') });
  const last = /^(\d+) passed, (\d+) failed, (\d+) skipped$/.exec(output.trimEnd().split('\n').at(-1) ?? '');
  if (!last) return count(1);
  const [passed, failed, skipped] = last.slice(1).map(Number);
  const reasons = [...output.matchAll(/^skipped: (.+)$/gm)].map(([, reason]) => `kernels: ${reason}`);
  const figures = [{ name: 'kernel cases', count: passed }];
  return { passed, failed: failed || (status === 0 ? 0 : 1), skipped, reasons, figures };
}
