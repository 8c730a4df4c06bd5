import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { dataFolder } from './cache';
import { IMDB_ARCHIVE, md5, sha256 } from './digests';
import type { DatasetEntry } from './entry';
import { IMDB_FILES, isImdbFolder, loadImdb } from './imdb';
import { hereFolder, kerasFolder } from './places';

const FOLDER = 'aclImdb';

export const imdb: DatasetEntry = {
  name: 'imdb',
  title: 'film reviews, 25,000 + 25,000, the 10,000 most frequent words as 0 or 1, 2 classes',
  files: [{ ...IMDB_ARCHIVE, members: IMDB_FILES.map((file) => `${FOLDER}/${file}`) }],
  folders: ({ dataDir }) => {
    const base = dataFolder(dataDir);
    if (dataDir) return [join(base, 'imdb', FOLDER), join(base, FOLDER), base];
    const keras = kerasFolder();
    // Keras unpacks beside the archive, or where its tutorials say.
    const extracted = ['', 'aclImdb_v1', 'aclImdb_v1_extracted'].map((name) => join(keras, name));
    return [join(base, 'imdb'), base, ...extracted, hereFolder(), '.'].map((root) => join(root, FOLDER));
  },
  isComplete: isImdbFolder,
  load: (folder, options) => loadImdb('imdb', folder, options),
  /** Published is the archive's digest alone: what it held was noted when it was unpacked. */
  verify: (folder) => {
    const path = join(folder, '..', 'sha256.json');
    const noted: Record<string, string> = existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : {};
    return IMDB_FILES.map((name) => {
      const file = join(folder, name);
      const bytes = readFileSync(file);
      const expected = { name, sha256: noted[`${FOLDER}/${name}`] };
      const found = { md5: md5(bytes), sha256: sha256(bytes) };
      return { file, ok: (expected.sha256 ?? found.sha256) === found.sha256, ...found, expected };
    });
  },
};
