/** Runs in a child process: `trace-child.js NAME REQUEST.json`. The name is for people who look at processes. */
import { readFileSync } from 'node:fs';
import { toldError } from '../told-error';
import { trace } from './trace';

trace(JSON.parse(readFileSync(process.argv[3], 'utf8'))).then(
  // Libraries may take long, or crash, on the way out.
  () => process.exit(0),
  (error: unknown) => {
    const told = toldError(error);
    const code = told.code ?? 'ERR_INTERNAL';
    process.stdout.write(JSON.stringify({ ...told, code }), () => process.exit(1));
  },
);
