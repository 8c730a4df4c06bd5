import type { Examples } from '../backend/contract';

/** Rows of a stream that train together, till the next ones are asked for; all buffers of an epoch but the last are of one size. */
export interface RowBuffer {
  examples: Examples;
  last: boolean;
}

/** Chunks of any length, cut into buffers of `size` rows, the last of which may be shorter. */
export async function* buffersOf(
  chunks: AsyncIterable<Examples>,
  size: number,
): AsyncGenerator<RowBuffer, void, void> {
  let held: Examples[] = [];
  let rows = 0;
  const join = joiner();
  for await (const chunk of chunks) {
    held.push(chunk);
    rows += chunk.rows;
    // A row more than fits: only then is it known that the buffer is not the last.
    for (; rows > size; rows -= size) {
      const { head, tail } = cut(held, size);
      held = [tail];
      yield { examples: join(head), last: false };
    }
    // A source may fill the same memory anew for its next chunk.
    held.push(copied(held.pop()!));
  }
  if (rows > 0) yield { examples: join(held), last: true };
}

/** @param size less than the rows of all parts, not less than those of all but the last */
function cut(parts: readonly Examples[], size: number): { head: Examples[]; tail: Examples } {
  const whole = parts.slice(0, -1);
  const last = parts[parts.length - 1];
  const left = size - whole.reduce((sum, { rows }) => sum + rows, 0);
  return { head: [...whole, slice(last, 0, left)], tail: slice(last, left, last.rows) };
}

function slice({ rows, x, y, weights }: Examples, begin: number, end: number): Examples {
  const part = <T extends Examples['x'] | Examples['y']>(values: T) => {
    const width = values.length / rows;
    return values.subarray(begin * width, end * width) as T;
  };
  return { rows: end - begin, x: part(x), y: part(y), weights: weights && part(weights) };
}

function copied({ rows, x, y, weights }: Examples): Examples {
  return { rows, x: x.slice(), y: y.slice(), weights: weights?.slice() };
}

type Values = Float32Array | Uint8Array | Int32Array;

/** Memory for one buffer after the other: with new one each time the collector has most to do. */
function joiner(): (parts: readonly Examples[]) => Examples {
  const room = new Map<string, Values>();
  const take = <T extends Values>(name: string, type: new (length: number) => T, length: number): T => {
    const old = room.get(name);
    if (old instanceof type && old.length === length) return old;
    const made = new type(length);
    room.set(name, made);
    return made;
  };
  /** One after the other; bytes and float32 together are float32, and rows without a weight weigh 1. */
  return (parts) => {
    const [first] = parts.filter(({ rows }) => rows > 0);
    const rows = parts.reduce((sum, part) => sum + part.rows, 0);
    if (first.rows === rows) return first;
    const bytes = parts.every(({ x }) => x[Symbol.toStringTag] === 'Uint8Array');
    const size = (first.x.length / first.rows) * rows;
    const x = bytes ? take('x', Uint8Array, size) : take('x', Float32Array, size);
    const labels = first.y[Symbol.toStringTag] === 'Int32Array';
    const outputs = (first.y.length / first.rows) * rows;
    const y = labels ? take('y', Int32Array, outputs) : take('y', Float32Array, outputs);
    const weights = parts.some((part) => part.weights)
      ? take('weights', Float32Array, rows).fill(1)
      : undefined;
    let at = 0;
    for (const part of parts) {
      x.set(part.x, (x.length / rows) * at);
      y.set(part.y, (y.length / rows) * at);
      if (part.weights) weights?.set(part.weights, at);
      at += part.rows;
    }
    return { rows, x, y, weights };
  };
}
