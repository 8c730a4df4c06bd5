/** The kernel gate on the GPU itself (native/test/gpu): trainings against float64, times, failures; also under compute-sanitizer. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { kernelCache, lastLine, program } from './program.mjs';

/** Where PyTorch's wheels keep NVRTC. */
function nvrtcFolder({ path }) {
  const wheels = join(path, '..', 'nvidia');
  const folders = existsSync(wheels) ? readdirSync(wheels) : [];
  const found = folders.find((name) => name === 'cuda_nvrtc' || /^cu1\d$/.test(name));
  return found ? join(wheels, found, 'lib') : join(path, 'lib');
}

/** Its steps. @param gate the executable @param torch what was found of libtorch: it brings NVRTC */
export function gateSteps(gate, torch) {
  const flags = ['--nvrtc', nvrtcFolder(torch), '--cache', kernelCache];
  const run = (mode, more = []) => program(gate, [mode, ...flags, ...more], { limit: 90 });

  // Side by side: most of the time goes into compiling, on one core each.
  const parts = Array.from({ length: 8 }, (_, i) => `${i}/8`);
  const train = (...more) =>
    Promise.all(parts.map(async (part) => counted(await run('train', [...more, '--part', part]))));

  const time = async (...more) => {
    const told = await run('time', more);
    return { ...counted(told), lines: told.text.trimEnd().split('\n') };
  };
  async function times() {
    const cluster = await time();
    const grid = await time('--steps', 'grid');
    const graph = await time('--steps', 'graph');
    const [some, others] = [weights(grid), weights(graph)];
    const same = some.length > 0 && some.join() === others.join();
    return { ...(!same && { failed: 'grid and graph have other bits' }), cluster, grid, graph };
  }

  const failures = async () => ({
    memory: counted(await run('memory')),
    sticky: counted(await run('sticky')),
  });

  /** Side by side: each has few blocks, and most of the time goes into starting. */
  async function sanitizers() {
    const tools = ['memcheck', 'racecheck', 'initcheck', 'synccheck'];
    const jobs = tools.flatMap((tool) => [
      [tool, tool, []],
      [`${tool}, grid`, tool, ['--steps', 'grid']],
    ]);
    const check = async ([name, tool, more]) => {
      // Of clusters it follows more barriers than it has room for by itself.
      const room = tool === 'synccheck' ? ['--num-cuda-barriers', '65536'] : [];
      const subject = [gate, 'train', ...flags, '--part', '1/13', ...more];
      const args = ['--tool', tool, ...room, '--error-exitcode', '9', ...subject];
      const { status, timedOut, text } = await program('compute-sanitizer', args, { limit: 110 });
      const said = text.split('\n').filter((line) => /^=========/.test(line));
      return [name, { status, timedOut, said: said.slice(0, 20), summary: said.at(-1) }];
    };
    return Object.fromEntries(await Promise.all(jobs.map(check)));
  }

  return { train, times, failures, sanitizers };
}

const counted = ({ status, timedOut, text, errors }) => ({
  status,
  ...(timedOut && { failed: 'out of time' }),
  last: lastLine(text),
  failures: text.split('\n').filter((line) => line.startsWith('FAIL')),
  ...(status !== 0 && { errors }),
});

/** Digests of the weights that were trained. */
const weights = ({ lines }) => lines.join(' ').match(/weights [0-9a-f]{16}/g) ?? [];
