/** Node.js, the npm packages and the programs that building the native backend takes. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { readText } from '../../files/read-text';
import { packageRoot } from '../../version';
import { bad, type Check, good } from './check';

const SUPPORTED = [20, 22, 24];
/** One that is too old does not come here: scripts/fusor.mjs refuses it. */
export function checkNode(): Check {
  const major = Number(process.versions.node.split('.')[0]);
  const found = `${process.version} at ${process.execPath}`;
  return good(
    'node',
    SUPPORTED.includes(major) ? found : `${found}, not tested: ${SUPPORTED.join(', ')} are`,
  );
}

/** Those that package.json asks for, wherever Node.js would find them. */
export function checkPackages(): Check {
  const { dependencies } = JSON.parse(readText(join(packageRoot, 'package.json')));
  const names = Object.keys(dependencies);
  const folders = require.resolve.paths('fusor') ?? [];
  const missing = names.filter(
    (name) => !folders.some((folder) => existsSync(join(folder, name, 'package.json'))),
  );
  if (missing.length > 0) return bad('npm packages', `missing ${missing.join(', ')}`, 'run `npm ci`');
  return good('npm packages', `${names.length} found`);
}

/** Only building takes these: without them what is built still runs. */
export function checkPrograms(): Promise<Check[]> {
  const install = (packages: string) =>
    process.platform === 'darwin'
      ? 'run `xcode-select --install`'
      : `install it, on Debian \`apt-get install ${packages}\``;
  return Promise.all([
    firstProgram('C++ compiler', [['g++'], ['clang++']], install('g++')),
    firstProgram('cmake', [['cmake']], install('cmake')),
    firstProgram('make', [['ninja'], ['make']], install('make')),
    firstProgram(
      'python pip',
      [
        ['python3', '-m', 'pip'],
        ['python', '-m', 'pip'],
      ],
      install('python3-pip'),
    ),
  ]);
}

async function firstProgram(name: string, commands: string[][], cure: string): Promise<Check> {
  for (const [program, ...args] of commands) {
    const version = await firstLine(program, [...args, '--version']);
    if (version === undefined) continue;
    return good(name, version.includes(program) ? version : `${program} ${version}`);
  }
  return bad(name, `none of ${commands.map((command) => command.join(' ')).join(', ')}`, cure);
}

/** What a program prints first; undefined when it cannot be run. */
export async function firstLine(program: string, args: string[]): Promise<string | undefined> {
  try {
    const { stdout } = await promisify(execFile)(program, args, { timeout: 10_000 });
    return stdout.split('\n')[0].trim();
  } catch {
    return undefined;
  }
}
