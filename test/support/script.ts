import { type ExecFileOptions, execFile, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

export const repository = resolve(__dirname, '../..');

export interface Ended {
  status: number | string;
  stdout: string;
  stderr: string;
}

/** Runs a program to its end, whatever its exit status. */
export function run(command: string, args: string[], options: ExecFileOptions = {}): Promise<Ended> {
  return new Promise((done) => {
    execFile(command, args, { ...options, encoding: 'utf8' }, (error, stdout, stderr) => {
      const status = error ? (error.code ?? error.signal ?? 'unknown') : 0;
      done({ status, stdout: String(stdout), stderr: String(stderr) });
    });
  });
}

/** Runs CommonJS in a child; the last line it prints, parsed. */
export function inChild(code: string, env: Record<string, string> = {}) {
  const child = spawnSync(process.execPath, ['-e', code], {
    encoding: 'utf8',
    timeout: 60_000,
    env: { ...process.env, ...env },
  });
  if (child.status !== 0) throw new Error(`${child.signal ?? child.status}: ${child.stderr}`);
  return JSON.parse(child.stdout.trim().split('\n').at(-1)!);
}

export interface Called {
  value?: unknown;
  error?: { code: string; message: string };
  stderr: string;
}

/** Calls a function of a script in a child: scripts are ES modules, which jest cannot import. */
export async function callScript(
  file: string,
  name: string,
  args: unknown[] = [],
  env: NodeJS.ProcessEnv = process.env,
): Promise<Called> {
  const program = `
    const module = await import(process.argv[1]);
    const revive = (key, value) => (value?.type === 'Buffer' ? Buffer.from(value.data) : value);
    try {
      const value = await module[process.argv[2]](...JSON.parse(process.argv[3], revive));
      console.log(JSON.stringify({ value }));
    } catch (error) {
      console.log(JSON.stringify({ error: { code: error.code, message: error.message } }));
    }`;
  const child = ['--input-type=module', '-e', program, file, name, JSON.stringify(args)];
  const { stdout, stderr } = await run(process.execPath, child, { env });
  const lastLine = stdout.trimEnd().split('\n').at(-1);
  if (!lastLine) throw new Error(`${file} ${name} printed nothing: ${stderr}`);
  return { ...(JSON.parse(lastLine) as Called), stderr };
}

/** A folder that is removed after the tests of the file. */
export function temporaryFolder(): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'fusor-test-')));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Writes files, given by relative name, and their folders. */
export function writeTree(folder: string, files: Record<string, string | Buffer>, mode?: number): string {
  for (const [name, content] of Object.entries(files)) {
    const path = join(folder, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content, { mode });
  }
  return folder;
}

/** A folder for PATH that holds node and these programs, given as shell text; nothing else can be found there. */
export function toolFolder(folder: string, programs: Record<string, string> = {}): string {
  mkdirSync(folder, { recursive: true });
  symlinkSync(process.execPath, join(folder, 'node'));
  const scripts = Object.entries(programs).map(([name, text]) => [name, `#!/bin/sh\n${text}\n`]);
  return writeTree(folder, Object.fromEntries(scripts), 0o755);
}

/** A small checkout: the real scripts and native/CMakeLists.txt, and one source file of its own. */
export function smallCheckout(folder: string, { modules = true } = {}): string {
  const names = ['package.json', 'package-lock.json', 'tsconfig.json', 'scripts'];
  for (const name of names) cpSync(join(repository, name), join(folder, name), { recursive: true });
  writeTree(folder, {
    'native/CMakeLists.txt': 'cmake_minimum_required(VERSION 3.20)\n',
    'src/cli/main.ts':
      'export async function main(argv: string[]): Promise<number> {\n  console.log(argv.join(" "));\n  return 3;\n}\n',
  });
  // Its own folder of links, so that stamps written into node_modules stay in the copy.
  if (modules) {
    mkdirSync(join(folder, 'node_modules/.bin'), { recursive: true });
    for (const name of [
      'typescript',
      'undici-types',
      '@types',
      'jest',
      '@jest',
      '@swc',
      'node-addon-api',
      '.package-lock.json',
    ]) {
      symlinkSync(join(repository, 'node_modules', name), join(folder, 'node_modules', name));
    }
  }
  return folder;
}
