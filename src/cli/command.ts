/** What a command is. */
import type { Options } from './option';
import type { Output } from './output';
import type { Resolved } from './settings';

export interface Call<O extends Options = Options> extends Resolved<O> {
  /** Positional arguments by name. */
  args: Record<string, string | undefined>;
  /** Those of a [name..] that takes any number. */
  words: readonly string[];
  out: Output;
  /** The command line as it was given, for the record. */
  argv: readonly string[];
}

/** @returns the exit status */
export type Run<O extends Options> = (call: Call<O>) => Promise<number>;

export interface Command {
  name: string;
  /** <required> and [optional] positional arguments, as shown in the help. */
  args: string;
  describe: string;
  options: Options;
  examples: string[];
  load(): Promise<Run<Options>>;
}

export function command<O extends Options>(
  name: string,
  args: string,
  describe: string,
  of: O,
  load: () => Promise<{ run: Run<O> }>,
  examples: string[] = [],
): Command {
  // Each command sees the settings of its own options only: main resolves exactly those.
  return {
    name,
    args,
    describe,
    options: of,
    examples,
    load: async () => (await load()).run as Run<Options>,
  };
}
