/** From the command line to a command and its settings; yargs splits the words and writes the help. */
import yargs from 'yargs';
import { FusorError, nearestName } from '../errors';
import { version } from '../version';
import type { Command } from './command';
import { COMMANDS } from './commands/all';
import { flagName, type Option, variableName } from './option';
import { columns } from './output';

export type Parsed =
  | { kind: 'text'; text: string; status: number }
  | {
      kind: 'command';
      command: Command;
      flags: Record<string, unknown>;
      args: Record<string, string | undefined>;
      words: readonly string[];
    };

/** @throws ERR_ARG for unknown commands and flags, with the nearest name, and for missing or extra arguments */
export async function parse(argv: readonly string[]): Promise<Parsed> {
  let chosen: Command | undefined;
  const parser = yargs()
    .scriptName('fusor')
    .usage('fusor: train neural networks from Node.js\n\nUsage: $0 <command> [options]')
    .locale('en')
    .wrap(Math.min(110, columns()))
    .version(version)
    .help()
    .alias('h', 'help')
    .exitProcess(false)
    .fail((message, error) => {
      // yargs' own complaints; anything else comes from our code.
      if (error && error.name !== 'YError') throw error;
      const flag = /following: (\S+)/.exec(message ?? '')?.[1];
      throw usage(flag ? `--${flag} needs a value` : message, `see fusor ${argv[0]} --help`);
    })
    .parserConfiguration({
      'camel-case-expansion': false,
      'boolean-negation': false,
      'dot-notation': false,
      'parse-numbers': false,
      'parse-positional-numbers': false,
    })
    .epilogue(
      'Every option is also a variable (--batch-size: FUSOR_BATCH_SIZE; --data: FUSOR_DATASET) and a key of the --config file ' +
        '(batchSize); a flag wins over the environment, that over the file.',
    )
    .epilogue(
      'Exit status: 0 done, 1 our bug, 2 usage, 3 data, 4 model file, 5 backend, 6 I/O, 7 loss not finite, ' +
        '8 device lost, 129, 130 and 143 interrupted.',
    );
  for (const command of COMMANDS) {
    parser.command(
      // Missing arguments are found below, to be named; of any number yargs would keep the last.
      `${command.name} ${command.args}`
        .replace(MANY, '')
        .replace(/<(\w+)>/g, '[$1]')
        .trim(),
      command.describe,
      (own) => {
        for (const [key, option] of Object.entries(command.options))
          own.option(flagName(key), flagOf(key, option));
        for (const example of command.examples) own.example(example, '');
        return own.usage(`Usage: ${shown(command)} [options]\n\n${command.describe}`);
      },
      () => {
        chosen = command;
      },
    );
  }
  let text = '';
  const parsed = (await parser.parseAsync(argumentFirst(argv), {}, (_error, _argv, output) => {
    text = output;
  })) as Record<string, unknown> & { _: (string | number)[] };
  if (text) return { kind: 'text', text, status: 0 };
  const words = parsed._.map(String);
  if (!chosen) {
    if (words.length > 0) throw unknownCommand(words[0]);
    checkFlags(parsed, []);
    return { kind: 'text', text: await parser.getHelp(), status: 2 };
  }
  const names = argNames(chosen);
  for (const [flag, written] of Object.entries(parsed)) {
    if (flag === '_' || !Array.isArray(written)) continue;
    const option = Object.entries(chosen.options).find(([key, { short }]) =>
      [flagName(key), short].includes(flag),
    );
    parsed[flag] = option?.[1].list ? written.join(',') : written.at(-1);
  }
  const shorts = Object.values(chosen.options).flatMap(({ short }) => short ?? []);
  checkFlags(parsed, [...Object.keys(chosen.options).map(flagName), ...shorts, ...names], chosen);
  if (words.length > 1 && !MANY.test(chosen.args)) {
    throw usage(`unexpected argument '${words[1]}'`, `see fusor ${chosen.name} --help`, chosen);
  }
  const missing = requiredArgs(chosen).find((name) => parsed[name] === undefined);
  if (missing) throw usage(`the argument <${missing}> is missing`, `${shown(chosen)} [options]`, chosen);
  const args = Object.fromEntries(names.map((name) => [name, parsed[name] as string | undefined]));
  return { kind: 'command', command: chosen, flags: parsed, args, words: words.slice(1) };
}

/** `evaluate --model PATH` is `evaluate PATH`: train has such an option, other commands an argument of that name. */
function argumentFirst(argv: readonly string[]): string[] {
  const [name, ...words] = argv;
  const command = COMMANDS.find((each) => each.name === name);
  const argument = command && argNames(command)[0];
  const at = words.findIndex((word) => word === '--' || word.split('=')[0] === `--${argument}`);
  if (!argument || argument in command.options || at < 0 || words[at] === '--') return [...argv];
  const [flag, ...values] = words[at].split('=');
  const value = words[at] === flag ? words.slice(at + 1, at + 2) : [values.join('=')];
  return [name, ...value, ...words.toSpliced(at, words[at] === flag ? 2 : 1)];
}

/** An argument that takes any number of words: [runs..]. */
const MANY = /\[\w+\.\.\]/;

function flagOf(key: string, option: Option<unknown>): yargs.Options {
  const shown = variableName(key, option) === variableName(key, { ...option, variable: undefined });
  const describe = shown ? option.describe : `${option.describe} (${option.variable})`;
  if (option.placeholder === undefined) return { type: 'boolean', describe };
  const { fallback, written } = option;
  const isSaid = fallback === undefined || describe.includes('default:');
  const defaultDescription = written ?? (isSaid ? undefined : String(fallback));
  // No type: words stay words, and the help is not cluttered with [string].
  return { requiresArg: true, describe, defaultDescription, alias: option.short };
}

function shown({ name, args }: Command): string {
  return `fusor ${name} ${args}`.trim();
}

function requiredArgs({ args }: Command): string[] {
  return [...args.matchAll(/<(\w+)>/g)].map(([, name]) => name);
}

function argNames({ args }: Command): string[] {
  return [...args.matchAll(/[<[](\w+)[>\]]/g)].map(([, name]) => name);
}

/** yargs' own strictness does not know near misses. */
function checkFlags(parsed: Record<string, unknown>, known: readonly string[], command?: Command): void {
  const all = [...known, 'help', 'version'];
  for (const flag of Object.keys(parsed)) {
    if (flag === '_' || flag === '$0' || flag === 'h' || all.includes(flag)) continue;
    const near = nearestName(flag, all);
    const mend = near ? `did you mean --${near}?` : `see fusor ${command ? `${command.name} ` : ''}--help`;
    throw usage(`unknown option ${flag.length === 1 ? '-' : '--'}${flag}`, mend, command);
  }
}

function unknownCommand(word: string): FusorError {
  const near = nearestName(
    word,
    COMMANDS.map(({ name }) => name),
  );
  return usage(`unknown command '${word}'`, near ? `did you mean ${near}?` : 'see fusor --help');
}

function usage(what: string, mend: string, command?: Command): FusorError {
  return new FusorError('ERR_ARG', [what, command ? `fusor ${command.name}` : '', mend]);
}
