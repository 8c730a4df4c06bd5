/** The child of measure.ts. */
import { isFusorError } from '../../errors';
import { loadBinding } from './binding';
import type { Questions } from './measure';

process.on('disconnect', () => process.exit(0));

process.on('message', ({ question, argument }: { question: keyof Questions; argument: never }) => {
  try {
    process.send?.({ answer: loadBinding()[question](argument) });
  } catch (error) {
    const { message } = error as Error;
    process.send?.({ error: { code: isFusorError(error) ? error.code : 'ERR_NATIVE', message } });
  }
});
