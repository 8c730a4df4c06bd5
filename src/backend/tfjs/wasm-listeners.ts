/** The events of what is thrown and caught by nobody. */
const EVENTS: readonly (string | symbol)[] = ['uncaughtException', 'unhandledRejection'];

/**
 * Does `load`, and takes back the listeners that Emscripten leaves in the process: with them every uncaught error ends it
 * with 7 and a page of Emscripten's source, and so does a rejection that the program's own listener has dealt with.
 */
export async function withoutListeners(load: () => Promise<void>): Promise<void> {
  // At once, not when all is loaded: the program goes on meanwhile, and may set listeners of its own.
  const takeBack = (event: string | symbol, listener: (...args: unknown[]) => void) => {
    if (EVENTS.includes(event) && /ExitStatus|throw reason/.test(String(listener)))
      queueMicrotask(() => process.off(event, listener));
  };
  process.on('newListener', takeBack);
  try {
    await load();
  } finally {
    process.off('newListener', takeBack);
  }
}
