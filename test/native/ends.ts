/** The ways in which a process ends while a session trains (exits.cjs), and the exit status that each must have. */
import { figure } from '../support/figures';
import { eachOf, program } from './program';

export const ENDS: [how: string, status: (number | string)[], node?: string[]][] = [
  ['natural', [0]],
  ['not awaited', [0]],
  ['disposed and not awaited', [0]],
  ['exit in a callback', [7]],
  ['exit from a timer', [7]],
  ['exit with a session in a global', [7]],
  ['throw in a callback', [1]],
  ['throw from a timer', [1]],
  ['unhandled rejection', [1]],
  ['worker terminated', [0]],
  ['exit while a worker trains', [7]],
  ['SIGTERM', ['SIGTERM']],
  // What the option is for: a core dump. V8 ends by a trap or an abort.
  ['throw from a timer', ['SIGTRAP', 'SIGABRT', 'SIGILL'], ['--abort-on-uncaught-exception']],
];

/** Ends processes `times` times in this way, each at another moment; gives those that ended otherwise. */
export async function endsOtherwise(
  [how, statuses, node]: (typeof ENDS)[number],
  times: number,
): Promise<string[]> {
  const wrong: string[] = [];
  await eachOf(
    Array.from({ length: times }, (_, i) => i + 1),
    async (i) => {
      const args = [how, (i * 7) % 60, i % 2 ? 'fused' : 'framework'];
      const { status, stdout, stderr } = await program('exits', args, { node, seconds: 60 });
      const isRight = statuses.includes(status) && (how !== 'natural' || stdout === 'trained\n');
      const isQuiet = typeof statuses[0] !== 'number' || statuses[0] === 1 || stderr === '';
      if (!isRight || !isQuiet) wrong.push(`${args.join(', ')}: ${status}: ${stderr}`);
      else figure('processes and threads ended while training');
    },
  );
  return wrong;
}
