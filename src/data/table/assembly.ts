/** What assembly/ was compiled to: WebAssembly, beside this file. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

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
  return new WebAssembly.Instance(module).exports as T;
}

/** Memory grows where it is smaller; arrays on it are to be made anew, then. */
export function reserve(memory: Assembly['memory'], bytes: number): void {
  const missing = bytes - memory.buffer.byteLength;
  if (missing > 0) memory.grow(Math.ceil(missing / PAGE));
}
