import { oneOf } from '../../arguments';
import type { Call, Run } from '../command';
import type { tfjs } from '../options';
import { describeTfjs, type TfjsStatus, tfjsScripts } from '../scripts';

type TfjsCall = Call<typeof tfjs>;

export const run: Run<typeof tfjs> = async (call) => {
  const actions = ['install', 'build', 'status', 'clean'] as const;
  const action = oneOf('fusor tfjs', 'the action', call.args.action, actions);
  switch (action) {
    case 'install':
    case 'build':
      return setUp(action, call);
    case 'status':
      return status(call);
    case 'clean':
      return clean(call);
  }
};

async function setUp(action: 'install' | 'build', { settings, out }: TfjsCall): Promise<number> {
  const { gpu, tensorflow, force } = settings;
  const { installTfjs, buildTfjs } = await tfjsScripts();
  const record = await { install: installTfjs, build: buildTfjs }[action]({ gpu, tensorflow, force });
  out.result({ schema: 'fusor.tfjs', version: 1, record }, () => describeTfjs(record));
  return 0;
}

async function status({ out }: TfjsCall): Promise<number> {
  const { tfjsStatus } = await tfjsScripts();
  const engines = [tfjsStatus(), tfjsStatus({ gpu: true })];
  out.result({ schema: 'fusor.tfjs', version: 1, engines }, () => engines.map(line).join('\n'));
  return 0;
}

function line({ engine, record, built, problems }: TfjsStatus): string {
  const cure = engine === 'node-gpu' ? 'build --gpu' : built ? 'build' : 'install';
  const found = built && record ? [describeTfjs(record)] : [];
  return `${engine}: ${[...found, ...problems, ...(problems.length > 0 ? [`run \`npx fusor tfjs ${cure}\``] : [])].join(' · ')}`;
}

async function clean({ out }: TfjsCall): Promise<number> {
  const { cleanTfjs } = await tfjsScripts();
  const removed = cleanTfjs();
  const people = () => removed.map((path) => `removed ${path}`).join('\n') || 'nothing to remove';
  out.result({ schema: 'fusor.tfjs', version: 1, removed }, people);
  return 0;
}
