import { oneOf } from '../../arguments';
import type { Call, Run } from '../command';
import type { native } from '../options';
import { type Libtorch, nativeScripts } from '../scripts';

type NativeCall = Call<typeof native>;

export const run: Run<typeof native> = async (call) => {
  const action = oneOf('fusor native', 'the action', call.args.action, [
    'build',
    'status',
    'clean',
    'fetch-libtorch',
  ] as const);
  switch (action) {
    case 'build':
      return build(call);
    case 'status':
      return status(call);
    case 'clean':
      return clean(call);
    case 'fetch-libtorch':
      return fetchLibtorch(call);
  }
};

async function build({ settings, origins, out }: NativeCall): Promise<number> {
  const { buildNative } = await nativeScripts();
  // The variable is looked at there, too, and then called by its name.
  const libtorch = origins.libtorch === 'LIBTORCH' ? undefined : settings.libtorch;
  const record = await buildNative({ libtorch, force: settings.force });
  out.result({ schema: 'fusor.native', version: 1, record }, () => `built against ${described(record)}`);
  return 0;
}

async function status({ out }: NativeCall): Promise<number> {
  const { nativeStatus } = await nativeScripts();
  const found = nativeStatus();
  out.result({ schema: 'fusor.native', version: 1, ...found }, () =>
    found.built && found.record
      ? [`built against ${described(found.record)}`, found.addon, ...found.problems].join('\n')
      : [...found.problems, 'run `npx fusor native build`'].join('\n'),
  );
  return 0;
}

async function clean({ out }: NativeCall): Promise<number> {
  const { cleanNative } = await nativeScripts();
  const removed = cleanNative();
  const people = () =>
    removed.length > 0 ? removed.map((path) => `removed ${path}`).join('\n') : 'nothing to remove';
  out.result({ schema: 'fusor.native', version: 1, removed }, people);
  return 0;
}

async function fetchLibtorch({ settings, out }: NativeCall): Promise<number> {
  const { fetchLibtorch: fetchIt } = await nativeScripts();
  const libtorch = await fetchIt({ variant: settings.variant });
  out.result({ schema: 'fusor.native', version: 1, libtorch }, () => described(libtorch));
  return 0;
}

function described({ version, variant, path }: Libtorch): string {
  return `libtorch ${version} (${variant}) at ${path}`;
}
