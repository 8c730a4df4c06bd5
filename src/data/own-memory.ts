/**
 * Memory of our own, for rows that are read from files: backends read them where they lie, and copy nothing. Unlike an ArrayBuffer's
 * nobody can take it away meanwhile, by a transfer; unlike a user's SharedArrayBuffer no other thread has it.
 */
const ours = new WeakSet<ArrayBufferLike>();

/** Of so many bytes, all zero. @throws RangeError where there is no room for it */
export function ownMemory(bytes: number): SharedArrayBuffer {
  const memory = new SharedArrayBuffer(bytes);
  ours.add(memory);
  return memory;
}

export const ownBytes = (length: number): Uint8Array => new Uint8Array(ownMemory(length));

export const ownFloats = (length: number): Float32Array => new Float32Array(ownMemory(4 * length));

export const isOwnMemory = (memory: ArrayBufferLike): boolean => ours.has(memory);
