import { FusorError } from '../../src/errors';

test('an error is one line that moves no cursor, whatever a file calls its parts', () => {
  const { message } = new FusorError('ERR_FILE_FORMAT', [
    'the member a\r\nb\u2028 is wrong',
    '\u001b[2J.npz',
  ]);
  expect(message).toBe('the member a\\u000d\\u000ab\\u2028 is wrong · \\u001b[2J.npz');
});
