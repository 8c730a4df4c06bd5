import { realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/**
 * An error for the person at the terminal: one line, *what · where · how to mend*, with a code of src/errors.ts.
 * Scripts run before anything is compiled, so they cannot use FusorError itself.
 */
export class SetupError extends Error {
  constructor(code, parts, options) {
    super(parts.filter(Boolean).join(' · '), options);
    this.name = 'FusorError';
    this.code = code;
    this.details = options?.details ?? {};
  }

  toJSON() {
    return { code: this.code, message: this.message, details: this.details };
  }
}

/**
 * Runs a script's main function when the script was started, not imported: an expected failure prints its one line,
 * a bug prints its stack.
 */
export async function runMain(url, main) {
  if (!process.argv[1] || realpathSync(process.argv[1]) !== fileURLToPath(url)) return;
  try {
    process.exitCode = await main();
  } catch (error) {
    const misspelt = error.code?.startsWith('ERR_PARSE_ARGS_');
    const expected = error instanceof SetupError;
    const ofTheSystem = error.syscall && error.path && `${error.message} [ERR_IO]`;
    const text = expected
      ? `${error.message} [${error.code}]`
      : misspelt
        ? error.message
        : ofTheSystem || error.stack;
    process.stderr.write(`fusor: ${text}\n`);
    process.exitCode = misspelt ? 2 : 1;
  }
}
