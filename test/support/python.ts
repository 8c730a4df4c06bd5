/** A Python with the packages that a test wants, for tests against the programs that formats belong to. */
import { spawnSync } from 'node:child_process';

/** FUSOR_TEST_PYTHON, several with commas, else python3; the first that has all of them. */
export function pythonWith(...packages: string[]): string | null {
  const asked = (process.env.FUSOR_TEST_PYTHON ?? 'python3').split(',');
  const program = `import importlib.util as u, sys; sys.exit(any(u.find_spec(n) is None for n in ${JSON.stringify(packages)}))`;
  return asked.find((python) => spawnSync(python, ['-c', program], { timeout: 20_000 }).status === 0) ?? null;
}

/** Runs a program in it; the last line it prints, parsed. */
export function inPython(python: string, program: string, ...args: string[]) {
  const child = spawnSync(python, ['-c', program, ...args], { encoding: 'utf8', timeout: 300_000 });
  if (child.status !== 0) throw new Error(`${child.signal ?? child.status}: ${child.stderr}`);
  return JSON.parse(child.stdout.trim().split('\n').at(-1)!);
}
