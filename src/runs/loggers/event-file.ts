/**
 * TensorBoard's event files: records of length, masked crc32c of it, an Event in protocol buffers, masked crc32c of that.
 * Formats: tensorflow/core/lib/io/record_writer.h, tensorflow/core/util/event.proto.
 */
import { hostname } from 'node:os';
import { join } from 'node:path';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { AppendFile } from '../../files/append-file';
import { crc32c } from '../../files/crc';
import { makeFolders } from '../../files/make-folders';
import { ioError } from '../../files/system-error';

const { Varint, Bit64, LengthDelimited } = WireType;
const DT_FLOAT = 1;
const DATA_CLASS_SCALAR = 1;
const SESSION_START = 1;

let files = 0;

export class EventFile {
  readonly #file: AppendFile;

  /**
   * @param folder made when it is not there
   * @param step the first that will be written: what older files have of it and later ones is not shown any more
   * @throws ERR_IO
   */
  constructor(folder: string, step: number) {
    try {
      makeFolders(folder);
    } catch (error) {
      throw ioError(error, 'make the folder', folder);
    }
    const seconds = Math.floor(Date.now() / 1000);
    const name = `events.out.tfevents.${seconds}.${hostname()}.${process.pid}.${files++}.v2`;
    this.#file = new AppendFile(join(folder, name));
    this.#write(0, (event) => event.tag(3, LengthDelimited).string('brain.Event:2'));
    // The first such event of a folder begins it, each later one says that a training was resumed.
    this.#write(step, (event) =>
      event.tag(7, LengthDelimited).fork().tag(1, Varint).int32(SESSION_START).join(),
    );
  }

  scalars(step: number, values: Readonly<Record<string, number>>): void {
    this.#write(step, (event) => {
      event.tag(5, LengthDelimited).fork();
      for (const [tag, value] of Object.entries(values)) scalar(event.tag(1, LengthDelimited), tag, value);
      return event.join();
    });
  }

  close(): void {
    this.#file.close();
  }

  #write(step: number, what: (event: BinaryWriter) => BinaryWriter): void {
    const event = new BinaryWriter()
      .tag(1, Bit64)
      .double(Date.now() / 1000)
      .tag(2, Varint)
      .int64(step);
    this.#file.append(record(what(event).finish()));
  }
}

/** Summary.Value: tag, a tensor of rank 0, and the plugin that shows it. */
function scalar(writer: BinaryWriter, tag: string, value: number): void {
  writer.fork().tag(1, LengthDelimited).string(tag);
  writer.tag(8, LengthDelimited).fork();
  writer.tag(1, Varint).int32(DT_FLOAT).tag(2, LengthDelimited).fork().join();
  writer.tag(5, LengthDelimited).fork().float(value).join().join();
  writer.tag(9, LengthDelimited).fork();
  writer.tag(1, LengthDelimited).fork().tag(1, LengthDelimited).string('scalars').join();
  writer.tag(4, Varint).int32(DATA_CLASS_SCALAR).join().join();
}

function record(data: Uint8Array): Uint8Array {
  const bytes = Buffer.alloc(12 + data.length + 4);
  bytes.writeBigUInt64LE(BigInt(data.length));
  bytes.writeUInt32LE(masked(bytes.subarray(0, 8)), 8);
  bytes.set(data, 12);
  bytes.writeUInt32LE(masked(data), 12 + data.length);
  return bytes;
}

/** A checksum of data that may hold checksums. */
function masked(data: Uint8Array): number {
  const crc = crc32c(data);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}
