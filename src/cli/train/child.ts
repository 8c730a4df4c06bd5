/** The process that trains for a supervisor. What becomes of it goes back in a message: the supervisor reports it. */
import { trainHere } from '../commands/train';
import { listenForSignals } from '../interrupt';
import { Output } from '../output';
import { toldError } from '../told-error';
import { Attempt, type Task, type Told } from './attempt';

// The supervisor says what it was.
listenForSignals(() => {});
// The supervisor is gone: what was done is kept, as after SIGTERM.
const orphaned = () => process.kill(process.pid, 'SIGTERM');
process.on('disconnect', orphaned);

process.once('message', async (task: Task) => {
  const tell = (message: Told) => {
    if (process.connected) process.send!(message, () => {});
  };
  const { json, quiet } = task.call.settings;
  const out = new Output(Boolean(json), Boolean(quiet));
  const end = await trainHere({ ...task.call, out }, new Attempt(task, tell)).then(
    (status): Told => ({ kind: 'done', status }),
    (error): Told => ({ kind: 'failed', error: toldError(error) }),
  );
  process.off('disconnect', orphaned);
  if (process.connected) process.send!(end, () => process.connected && process.disconnect());
});
