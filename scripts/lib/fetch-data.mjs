import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream, existsSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { extract } from 'tar-stream';
import { download, sha256Of } from './download.mjs';
import { SetupError } from './failure.mjs';
import { makeFolders } from './files.mjs';
import { megabytes } from './pip.mjs';
import { during } from './say.mjs';
import { inStaging } from './staging.mjs';

/** Beside what was unpacked: the sha256 of each file. */
const NOTED = 'sha256.json';

const GZIP = Buffer.from([0x1f, 0x8b]);

/**
 * Brings the files of a data set into `folder`, each whole and with its digest, or not at all; a broken download is
 * continued by the next call. Of archives the members are kept, in the archive's folders, and their digests noted.
 *
 * @param {{name: string, folder: string, mirror?: string, archives?: string[], quiet?: boolean, attempts?: number,
 *   files: {name: string, sha256: string, unpacked?: true, bytes: number, urls: string[], members?: string[]}[]}} options
 *   mirror: a folder on the web that holds NAME/FILE, tried first; archives: folders in which the file may lie already
 */
export async function fetchData({ name, folder, files, mirror, archives = [], quiet = false, attempts }) {
  await inStaging(folder, async (staging) => {
    for (const file of files) {
      const wanted = file.members ?? [file.name];
      if (wanted.every((path) => existsSync(join(folder, path)))) continue;
      const urls = [...(mirror ? [`${mirror.replace(/\/+$/, '')}/${name}/${file.name}`] : []), ...file.urls];
      const local = await whereItLies(file, archives);
      const archive = local ?? join(folder, file.name);
      const step = (title, work, status) => (quiet ? work() : during(title, work, status));
      if (!local) await fromSomewhere({ name, file, urls, target: archive, folder, step, attempts });
      if (!file.members) continue;
      await step(`unpacking ${file.name}`, () => unpack(archive, file.members, staging, folder));
      if (!local) rmSync(archive);
    }
  });
}

/** A file of that name with that digest: what somebody has brought by hand, or another program fetched. */
async function whereItLies({ name, sha256, members }, folders) {
  if (!members) return undefined;
  for (const path of folders.map((folder) => join(folder, name)))
    if (existsSync(path) && (await sha256Of(path)) === sha256) return path;
  return undefined;
}

async function fromSomewhere({ name, file, urls, target, folder, step, attempts }) {
  const failures = [];
  for (const url of urls) {
    let state = '';
    const progress = (received, total) => {
      state = `${Math.round(received / 1e6)} of ${megabytes(total ?? file.bytes)}`;
    };
    // Mirrors pack anew, and not always as well.
    const most = 2 * file.bytes + 1_000_000;
    const digest = file.unpacked ? sha256OfUnpacked : sha256Of;
    const cure = `check the network or proxy, or put ${file.name} into ${folder} by hand`;
    const options = { sha256: file.sha256, digest, magic: GZIP, progress, cure, attempts, most };
    try {
      await step(
        `fetching ${name}, ${file.name} from ${new URL(url).host}`,
        () => download(url, target, options),
        () => state,
      );
      return;
    } catch (error) {
      if (!(error instanceof SetupError) || error.code === 'ERR_IO') throw error;
      failures.push(error);
    }
  }
  if (failures.length === 1) throw failures[0];
  const reasons = failures.map(({ message }) => message.split(' · ').slice(0, 2).join(' from '));
  throw new SetupError(failures.at(-1).code, [
    `${name} could not be fetched: ${reasons.join('; ')}`,
    file.name,
    `check the network or proxy, or put ${file.name} into ${folder} by hand`,
  ]);
}

/** Of all members, each under its own name; nothing else of the archive, whatever it holds, is written. */
async function unpack(archive, members, staging, folder) {
  const sums = {};
  const tar = extract();
  const reading = pipeline(createReadStream(archive), createGunzip(), tar);
  try {
    for await (const entry of tar) {
      const { name, type } = entry.header;
      const path = name.replace(/^\.\//, '');
      if (type !== 'file' || !members.includes(path)) {
        entry.resume();
        continue;
      }
      const hash = createHash('sha256');
      const count = async function* (chunks) {
        for await (const chunk of chunks) {
          hash.update(chunk);
          yield chunk;
        }
      };
      makeFolders(dirname(join(staging, path)));
      await pipeline(entry, count, createWriteStream(join(staging, path)));
      sums[path] = hash.digest('hex');
    }
    await reading;
  } catch (error) {
    throw new SetupError(
      'ERR_DATA_FORMAT',
      [`the archive is damaged (${error.message})`, archive, 'fetch it anew'],
      {
        cause: error,
      },
    );
  }
  const missing = members.filter((path) => !sums[path]);
  if (missing.length > 0)
    throw new SetupError('ERR_DATA_FORMAT', [
      `the archive lacks ${missing.join(', ')}`,
      archive,
      'fetch it anew',
    ]);
  for (const path of members) {
    makeFolders(dirname(join(folder, path)));
    renameSync(join(staging, path), join(folder, path));
  }
  writeFileSync(join(folder, NOTED), `${JSON.stringify(sums, null, 2)}\n`);
}

async function sha256OfUnpacked(path) {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), createGunzip(), hash);
  return hash.digest('hex');
}
