import { closeSync, fstatSync, fsyncSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import { ioError } from './system-error';

/** A file that only ever grows by whole records: one that does not fit on the disk leaves no half of it. */
export class AppendFile {
  readonly #fd: number;
  #closed = false;

  /** @throws ERR_IO */
  constructor(
    readonly path: string,
    flags: 'a' | 'w' = 'a',
  ) {
    try {
      this.#fd = openSync(path, flags);
    } catch (error) {
      throw ioError(error, 'write', path);
    }
  }

  /** Nothing is in it yet. */
  get isEmpty(): boolean {
    return fstatSync(this.#fd).size === 0;
  }

  /** @throws ERR_IO */
  append(record: string | Uint8Array): void {
    const bytes = Buffer.from(record as string);
    let size: number | undefined;
    try {
      size = fstatSync(this.#fd).size;
      for (let done = 0; done < bytes.length; ) done += writeSync(this.#fd, bytes, done);
    } catch (error) {
      if (size !== undefined) ftruncateSync(this.#fd, size);
      throw ioError(error, 'write', this.path);
    }
  }

  /** Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    try {
      fsyncSync(this.#fd);
      closeSync(this.#fd);
    } catch (error) {
      throw ioError(error, 'write', this.path);
    }
  }
}
