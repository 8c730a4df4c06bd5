/** Progress goes to stderr: stdout belongs to results. */
export function say(line) {
  process.stderr.write(`${line}\n`);
}

const seconds = (since) => `${((Date.now() - since) / 1000).toFixed(1)} s`;

/**
 * Says that a long step began, then how it goes: in place on a terminal, else one line every 20 s, so that a log
 * shows life without being flooded. `status` is asked for a few words, such as "41 of 126 MB".
 */
export async function during(title, work, status = () => '') {
  const begun = Date.now();
  const terminal = process.stderr.isTTY;
  const line = () => `fusor: ${[title, status(), seconds(begun)].filter(Boolean).join(' · ')}`;
  if (!terminal) say(`fusor: ${title} …`);
  const timer = setInterval(
    () => (terminal ? process.stderr.write(`\r\x1b[K${line()}`) : say(line())),
    terminal ? 250 : 20_000,
  );
  try {
    const result = await work();
    say(`${terminal ? '\r\x1b[K' : ''}fusor: ${title} · done in ${seconds(begun)}`);
    return result;
  } catch (error) {
    if (terminal) process.stderr.write('\r\x1b[K');
    throw error;
  } finally {
    clearInterval(timer);
  }
}
