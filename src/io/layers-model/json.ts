/** Reading a foreign JSON value part by part: each part is of the kind that is wanted, or the error says where. */
import { show } from '../../arguments';
import { isObject } from '../../files/json';
import { refused } from '../../files/refused';

export type Json = Record<string, unknown>;

/** A place in a file, for errors: `modelTopology.config.layers[2]`. */
export class Place {
  constructor(
    readonly file: string,
    readonly path: string = '',
  ) {}

  at(key: string | number): Place {
    const part = typeof key === 'number' ? `[${key}]` : this.path ? `.${key}` : key;
    return new Place(this.file, this.path + part);
  }

  wrong(value: unknown, wanted: string): Error {
    const what = `${this.path || 'the file'} must be ${wanted}, it is ${show(value)}`;
    return refused(this.file, 'entry', what, 'take another copy', { path: this.path });
  }

  object(value: unknown): Json {
    if (isObject(value)) return value;
    throw this.wrong(value, 'an object');
  }

  list(value: unknown, most: number): unknown[] {
    if (!Array.isArray(value)) throw this.wrong(value, 'a list');
    if (value.length > most) throw this.wrong(value, `a list of at most ${most}`);
    return value;
  }

  text(value: unknown): string {
    if (typeof value === 'string' && value.length <= 1000) return value;
    throw this.wrong(value, 'text');
  }
}
