const said = new Set<string>();

/**
 * Says on stderr, once in a process, what better things could not be had. On a machine without an NVIDIA
 * driver a GPU is nothing that is missing: one calm line tells what runs.
 * @param runs what runs instead
 * @param hasDriver whether a GPU could be expected to work
 */
export function reportStepDowns(
  runs: string,
  steppedDown: readonly { candidate: string; reason: string; cure: string }[],
  hasDriver: boolean,
  write: (line: string) => void = (line) => process.stderr.write(`${line}\n`),
): void {
  const news = steppedDown.filter(({ candidate, reason }) => {
    const key = `${candidate}: ${reason}`;
    if (said.has(key)) return false;
    said.add(key);
    return true;
  });
  if (news.length === 0) return;
  const calm = news.filter(({ candidate }) => !hasDriver && /cuda|gpu/.test(candidate));
  for (const { candidate, reason, cure } of news) {
    if (calm.some((step) => step.candidate === candidate)) continue;
    write(`fusor: ${[`${candidate} is not to be had: ${reason}`, cure].filter(Boolean).join(' · ')}`);
  }
  write(`fusor: running on ${runs}${calm.length === news.length ? '; no NVIDIA GPU here' : ''}`);
}
