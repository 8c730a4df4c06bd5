/** Where a table's bytes come from: a file, or memory. */
import { open } from 'node:fs/promises';
import { changed } from '../../files/read-file';
import { ioError, READ_FLAGS } from '../../files/system-error';
import { checkRegular, unopened } from '../data-file';
import type { DataSource } from '../unpack';

export interface TableSource {
  /** Its name, for errors. */
  readonly file: string;
  readonly size: number;
  /** Puts bytes from `at` on into `bytes`. @returns how many: fewer only where it ends */
  read(bytes: Uint8Array, at: number): Promise<number>;
  /** @throws ERR_IO where somebody still writes it */
  checkUnchanged(): Promise<void>;
  close(): Promise<void>;
}

/** @throws ERR_DATA_MISSING, ERR_DATA_FORMAT for what is no regular file, ERR_IO */
export async function openSource(source: DataSource): Promise<TableSource> {
  if (typeof source !== 'string') return inMemory(source.name, source.bytes);
  const file = source;
  const handle = await open(file, READ_FLAGS).catch((error) => {
    throw unopened(error, file);
  });
  try {
    const stat = await handle.stat();
    checkRegular(stat, file);
    const { size } = stat;
    return {
      file,
      size,
      async read(bytes, at) {
        try {
          return (await handle.read(bytes, 0, bytes.length, at)).bytesRead;
        } catch (error) {
          throw ioError(error, 'read the data file', file);
        }
      },
      async checkUnchanged() {
        if ((await handle.stat()).size !== size) throw changed(file);
      },
      close: () => handle.close(),
    };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

function inMemory(file: string, from: Buffer): TableSource {
  return {
    file,
    size: from.length,
    read: async (bytes, at) => from.copy(bytes, 0, at),
    checkUnchanged: async () => {},
    close: async () => {},
  };
}
