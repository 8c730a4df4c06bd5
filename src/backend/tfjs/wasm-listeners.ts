/** The events of what is thrown and caught by nobody. */
const EVENTS = ['uncaughtException', 'unhandledRejection'] as const;

/**
 * Does `load`, and takes back the listeners that Emscripten leaves in the process: with them every uncaught error ends it
 * with 7 and a page of Emscripten's source, and so does a rejection that the program's own listener has dealt with.
 */
export async function withoutListeners(load: () => Promise<void>): Promise<void> {
  const before = EVENTS.map((event) => process.listeners(event as 'uncaughtException'));
  await load();
  EVENTS.forEach((event, i) => {
    for (const listener of process.listeners(event as 'uncaughtException')) {
      // The program may have set one of its own meanwhile.
      if (!before[i].includes(listener) && /ExitStatus|throw reason/.test(String(listener)))
        process.off(event, listener);
    }
  });
}
