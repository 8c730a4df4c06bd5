/** What assembly/ was compiled to: WebAssembly, beside this file. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { FusorError } from '../../errors';

export interface Assembly {
  memory: { readonly buffer: ArrayBuffer; grow(pages: number): number };
}

/** What Node has and its types lack. */
const { WebAssembly } = globalThis as unknown as {
  WebAssembly: {
    Module: new (bytes: Uint8Array) => object;
    Instance: new (module: object) => { exports: unknown };
  };
};
const PAGE = 1 << 16;

/** Below lies in memory what the module brings with it. */
export const BEGIN = 4096;

export function instance<T extends Assembly>(name: string): T {
  const module = new WebAssembly.Module(readFileSync(join(__dirname, `${name}.wasm`)));
  try {
    return new WebAssembly.Instance(module).exports as T;
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    // V8 sets aside 8 GB of addresses for each, so that accesses need no checks.
    const mend =
      'raise the limit on address space (ulimit -v), or set NODE_OPTIONS=--disable-wasm-trap-handler';
    throw new FusorError(
      'ERR_OUT_OF_MEMORY',
      ['there is no address space to read tables', '', mend],
      {},
      { cause },
    );
  }
}

/** Memory grows where it is smaller; arrays on it are to be made anew, then. */
export function reserve(memory: Assembly['memory'], bytes: number): void {
  const missing = bytes - memory.buffer.byteLength;
  if (missing > 0) memory.grow(Math.ceil(missing / PAGE));
}
