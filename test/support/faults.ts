/** Faults of the file system, made inside the process: no tool is needed, and every call can be chosen. */
import fsPromises from 'node:fs/promises';
import { basename } from 'node:path';

/** Calls on paths that save. */
const CALLS = ['mkdir', 'link', 'rename', 'rm', 'readdir', 'writeFile'] as const;
/** Calls on open files; 'sync folder' for those on folders. */
const HANDLE_CALLS = ['write', 'writeFile', 'sync', 'close'] as const;

export interface Faults {
  /** Every call so far: `rename step-000000002.safetensors`, `sync .step-…tmp`. */
  readonly calls: string[];
}

/**
 * From now on call number `fatal` fails with `code`; jest.restoreAllMocks() ends it.
 * @param fatal from 1; 0: none
 * @param among whether a call counts
 */
export function failAt(fatal: number, code: string, among: (call: string) => boolean = () => true): Faults {
  const calls: string[] = [];
  const note = (name: string, path: unknown) => {
    const call = `${name} ${basename(String(path))}`;
    if (!among(call)) return;
    calls.push(call);
    if (calls.length === fatal) throw Object.assign(new Error(`${code}: ${call}`), { code });
  };
  const { open } = fsPromises;
  jest.spyOn(fsPromises, 'open').mockImplementation(async (path, flags, mode) => {
    note('open', path);
    const handle = await open(path, flags, mode);
    for (const name of HANDLE_CALLS) {
      const real = handle[name].bind(handle) as (...args: unknown[]) => Promise<void>;
      Object.assign(handle, {
        [name]: async (...args: unknown[]) => {
          // A file is closed whatever close says.
          if (name === 'close') await real(...args);
          note(name, path);
          return name === 'close' ? undefined : real(...args);
        },
      });
    }
    return handle;
  });
  for (const name of CALLS) {
    const real = fsPromises[name] as (...args: unknown[]) => Promise<unknown>;
    jest.spyOn(fsPromises, name as 'rm').mockImplementation((async (...args: unknown[]) => {
      note(name, name === 'rename' || name === 'link' ? args[1] : args[0]);
      return real(...args);
    }) as never);
  }
  return { calls };
}
