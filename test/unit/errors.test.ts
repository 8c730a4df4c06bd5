import { FusorError, partsOf } from '../../src/errors';

test('an error is one line that moves no cursor, whatever a file calls its parts', () => {
  const { message } = new FusorError('ERR_FILE_FORMAT', [
    'the member a\r\nb\u2028 is wrong',
    '\u001b[2J.npz',
  ]);
  expect(message).toBe('the member a\\u000d\\u000ab\\u2028 is wrong · \\u001b[2J.npz');
});

test('an error keeps what it was made of, whatever a part holds', () => {
  const error = new FusorError('ERR_IO', ['a · b', '', 'mend it']);
  expect(error.parts).toEqual({ what: 'a · b', where: '', mend: 'mend it' });
  expect(partsOf(error)).toBe(error.parts);
  expect(JSON.stringify(error)).not.toContain('parts');
  // As native code throws it.
  expect(partsOf(new Error('what · where · mend'))).toEqual({ what: 'what', where: 'where', mend: 'mend' });
});
