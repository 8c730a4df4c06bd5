import { readFileSync } from 'node:fs';

/** The oldest Node.js, as package.json's engines have it: "20.17". Nothing is imported that an older one lacks. */
const [oldest] = /\d+\.\d+/.exec(
  JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')).engines.node,
);

/** Why this Node.js cannot run fusor: what, where, how to mend it; undefined where it can. */
export function tooOld(version = process.versions.node) {
  const [[major, minor], [wanted, least]] = [version, oldest].map((text) => text.split('.').map(Number));
  if (major > wanted || (major === wanted && minor >= least)) return undefined;
  return [`Node.js ${version} is too old for fusor`, process.execPath, `install Node.js ${oldest} or newer`];
}
