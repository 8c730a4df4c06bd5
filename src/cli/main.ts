import { exitStatusOf, isFusorError } from '../errors';
import { ALL_KEYS } from './commands/all';
import { Interrupted, listenForSignals } from './interrupt';
import { variableName } from './option';
import { common } from './options';
import { Output } from './output';
import { asOurs } from './outside-error';
import { parse } from './parse';
import { resolveSettings } from './settings';

/**
 * The `fusor` command.
 * @param argv the words after `fusor`
 * @returns the exit status
 */
export async function main(argv: readonly string[]): Promise<number> {
  let out = new Output(wantsJson(argv), false);
  listenForSignals((interrupted) => report(interrupted, out));
  // What the library says of its own accord is a remark as others are.
  process.removeAllListeners('warning').on('warning', ({ message }) => out.note(`warning: ${message}`));
  try {
    const parsed = await parse(argv);
    if (parsed.kind === 'text') {
      (parsed.status === 0 ? process.stdout : process.stderr).write(`${parsed.text}\n`);
      return parsed.status;
    }
    const { command, flags, args, words } = parsed;
    const { settings, origins } = resolveSettings(command.options, flags, ALL_KEYS);
    out = new Output(Boolean(settings.json), Boolean(settings.quiet));
    if (settings.printConfig) {
      const { config: _file, printConfig: _this, ...used } = settings;
      process.stdout.write(`${JSON.stringify(used, null, 2)}\n`);
      return 0;
    }
    const run = await command.load();
    return await run({ settings, origins, args, words, out, argv });
  } catch (error) {
    return report(asOurs(error), out);
  }
}

/** Known before the command line is parsed, because parsing can fail. */
function wantsJson(argv: readonly string[]): boolean {
  const variable = process.env[variableName('json', common.json)];
  return argv.includes('--json') || ['1', 'true', 'yes', 'on'].includes(variable?.toLowerCase() ?? '');
}

/** One line for what the user can mend; a stack for what we must. */
function report(error: unknown, out: Output): number {
  const interrupted = error instanceof Interrupted;
  const status = interrupted ? error.status : exitStatusOf(error);
  const known = interrupted || isFusorError(error);
  const message = oneLine(error instanceof Error ? error.message : String(error));
  const code = known ? error.code : 'ERR_INTERNAL';
  const details = (known && error.details) || {};
  if (out.asJson) out.document({ error: { code, message, details } });
  if (interrupted && error.quiet) return status;
  process.stderr.write(`${interrupted ? '' : 'error: '}${message}${interrupted ? '' : ` [${code}]`}\n`);
  if (status === 1) {
    if (error instanceof Error) process.stderr.write(`${error.stack}\n`);
    process.stderr.write(
      'This is a bug in fusor: please report it with the command line and the lines above.\n',
    );
  }
  return status;
}

function oneLine(text: string): string {
  return text.replace(/\s*\n\s*/g, ' ');
}
