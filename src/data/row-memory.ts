/**
 * Memory for rows that are read from files. Where a process keeps its rows to itself, as the command does, they lie in shared memory,
 * which nobody can take away as an ArrayBuffer's by a transfer: sessions read them where they lie, and copy nothing. Elsewhere they do
 * not, for V8 does not see what garbage of it there is, and a structuredClone is no copy of it.
 */
const ours = new WeakSet<ArrayBufferLike>();
let lending = false;

/** From now on rows are lent. */
export function lendRows(): void {
  lending = true;
}

/** Of so many bytes, all zero. @throws RangeError where there is no room for it */
export function rowMemory(bytes: number): ArrayBufferLike {
  if (!lending) return new ArrayBuffer(bytes);
  const memory = new SharedArrayBuffer(bytes);
  ours.add(memory);
  return memory;
}

export const rowBytes = (length: number): Uint8Array => new Uint8Array(rowMemory(length));

export const rowFloats = (length: number): Float32Array => new Float32Array(rowMemory(4 * length));

/** Whether it is lent, and so no other thread's. */
export const isLent = (memory: ArrayBufferLike): boolean => ours.has(memory);
