/** Options list by name what the library has: a list that forgets one would keep it from the command line. */
import { resolveRequest } from '../../../src/backend/request';
import { convert, runtime, train } from '../../../src/cli/options';
import { losses, optimizers } from '../../../src/index';
import { FORMAT_NAMES } from '../../../src/io/formats';

/** Those that an option names in its help. */
const namesOf = ({ describe }: { describe: string }) => /\[([^\]]*)\]$/.exec(describe)?.[1].split(', ') ?? [];

test.each([
  ['losses', namesOf(train.loss), Object.keys(losses)],
  ['optimisers', namesOf(train.optimizer), Object.keys(optimizers)],
  ['formats', namesOf(convert.to), FORMAT_NAMES],
])('all %s can be chosen', (_, named, all) => expect([...named].sort()).toEqual([...all].sort()));

const REQUEST = ['backend', 'kernels', 'precision', 'tfjsEngine'] as const;

test.each(REQUEST)('%s: what the command line takes the library takes, and no more', (key) => {
  const names = namesOf(runtime[key]);
  for (const name of names) expect(resolveRequest({ [key]: name }, {})).toMatchObject({ [key]: name });
  // The refusal lists them all.
  expect(() => resolveRequest({ [key]: 'none' as never }, {})).toThrow(`one of ${names.join(', ')}`);
});

test.each(['auto', 'cpu', 'cuda', 'cuda:0', 'cuda:12', 'cuda:1234', 'cuda:', 'cuda:x', 'gpu'])(
  'device %s',
  (name) => {
    const taken = (take: () => unknown) => {
      try {
        take();
        return true;
      } catch {
        return false;
      }
    };
    const byLibrary = taken(() => resolveRequest({ device: name as never }, {}));
    expect(taken(() => runtime.device.parse(name, '--device'))).toBe(byLibrary);
  },
);
