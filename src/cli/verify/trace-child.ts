/** Runs in a child process: `trace-child.js NAME REQUEST.json`. The name is for people who look at processes. */
import { readFileSync } from 'node:fs';
import { isFusorError } from '../../errors';
import { trace } from './trace';

trace(JSON.parse(readFileSync(process.argv[3], 'utf8'))).then(
  // Libraries may take long, or crash, on the way out.
  () => process.exit(0),
  (error: unknown) => {
    const known = isFusorError(error) ? { code: error.code, message: error.message } : null;
    const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
    process.stdout.write(JSON.stringify(known ?? { code: 'ERR_INTERNAL', message }), () => process.exit(1));
  },
);
