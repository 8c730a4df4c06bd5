import { revived, toldError } from '../../../src/cli/told-error';
import { exitStatusOf } from '../../../src/errors';

test.each([
  ['V8 has no memory', new RangeError('Array buffer allocation failed'), 'ERR_OUT_OF_MEMORY', 5],
  [
    'the system refuses a path',
    Object.assign(new Error('EACCES: permission denied'), { code: 'EACCES', syscall: 'open', path: '/x' }),
    'ERR_IO',
    6,
  ],
  ['a bug', new TypeError('x is not a function'), undefined, 1],
])('what another process ended with is what it would have been here: %s', (_, error, code, status) => {
  const told = revived(JSON.parse(JSON.stringify(toldError(error))), 'the child');
  expect([(told as { code?: string }).code, exitStatusOf(told)]).toEqual([code, status]);
});
