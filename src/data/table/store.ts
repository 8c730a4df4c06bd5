/** Where the rows of a table are kept: in memory, or, of a large one, in a file that is gone with the process. */
import { close, closeSync, openSync, unlinkSync, write } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { makeFolders } from '../../files/make-folders';
import { ioError } from '../../files/system-error';
import { PARTS } from '../split';

export interface KeptBlock {
  rows: number;
  values: Float32Array | Uint8Array;
  labels: Float32Array;
}

export interface SpilledBlock {
  rows: number;
  /** Where in the file, and how much of it are values. */
  at: number;
  valueBytes: number;
  /** Whether values are bytes. */
  bytes: boolean;
}

/** In memory: all blocks of each part. */
export class Memory {
  readonly parts: KeptBlock[][] = PARTS.map(() => []);

  async add(part: number, block: KeptBlock): Promise<void> {
    this.parts[part].push(block);
  }

  discard(): void {}
}

let files = 0;

/** In a file. Rows take four bytes a number there, or one where all are bytes. */
export class Spill {
  readonly parts: SpilledBlock[][] = PARTS.map(() => []);
  readonly fd: number;
  readonly path: string;
  #end = 0;

  /** @throws ERR_IO */
  constructor(folder: string) {
    this.path = join(folder, `rows-${process.pid}-${files++}`);
    try {
      makeFolders(folder);
      this.fd = openSync(this.path, 'wx+');
      // Without a name it is gone when the last one who has it open is.
      if (process.platform !== 'win32') unlinkSync(this.path);
    } catch (error) {
      throw ioError(error, 'keep the rows of a large table', this.path);
    }
  }

  async add(part: number, { rows, values, labels }: KeptBlock): Promise<void> {
    this.parts[part].push({
      rows,
      at: this.#end,
      valueBytes: values.byteLength,
      bytes: values[Symbol.toStringTag] === 'Uint8Array',
    });
    await this.#append(values);
    await this.#append(labels);
  }

  async #append(array: Float32Array | Uint8Array): Promise<void> {
    const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
    try {
      for (let done = 0; done < bytes.length; ) {
        const { bytesWritten } = await promisify(write)(this.fd, bytes, done, bytes.length - done, this.#end);
        done += bytesWritten;
        this.#end += bytesWritten;
      }
    } catch (error) {
      throw ioError(error, 'keep the rows of a large table (FUSOR_DATA names a folder with room)', this.path);
    }
  }

  discard(): void {
    closeSync(this.fd);
  }

  async close(): Promise<void> {
    await promisify(close)(this.fd);
  }
}
