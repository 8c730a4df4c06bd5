/** TensorFlow as users have it: in the record of a run, refused where it is not there, never beside libtorch. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { documentOf, fusor, TENSORFLOW } from '../support/cli';
import { inChild, repository, temporaryFolder } from '../support/script';
import { describeUnless } from '../support/skip';

const cwd = temporaryFolder();
const [, flags, obstacle] = TENSORFLOW;
const nothing = { FUSOR_CACHE: join(cwd, 'empty'), NODE_PATH: '' };
const small = ['train', '--epochs', '1', '--limit', '200', '--seed', '7', '--json'];

describeUnless(obstacle)('with TensorFlow', () => {
  test('the run, its record and its first line say engine, version and whether a GPU is seen', async () => {
    const ran = await fusor([...small, ...flags, '--run-dir', 'run'], { cwd });
    const { backend } = documentOf(ran);
    expect(backend).toMatchObject({ name: 'tfjs', engine: 'node', device: 'cpu', gpuVisible: false });
    expect(backend.versions).toEqual({ tfjs: '4.22.0', tensorflow: expect.stringMatching(/^\d+\.\d+\.\d+/) });
    const environment = JSON.parse(readFileSync(join(cwd, 'run', 'environment.json'), 'utf8'));
    expect(environment.backend).toEqual(backend);
    const [line] = ran.stderr.split('\n');
    expect(line).toContain(`tfjs · node TensorFlow ${backend.versions.tensorflow} · cpu (`);
    expect(line).toContain('no GPU visible');
    // Nothing of TensorFlow's own log, nothing of Node's warnings.
    expect(ran.stderr).not.toMatch(/oneDNN|InitializeLog|Deprecation/);
  });

  test('status, devices and doctor tell the same version', async () => {
    const [status, devices, doctor] = await Promise.all(
      [['tfjs', 'status'], ['devices'], ['doctor']].map((args) => fusor([...args, '--json'], { cwd })),
    );
    const node = documentOf(devices).devices.find(({ engine }: { engine: string }) => engine === 'node');
    expect(node).toMatchObject({ usable: true, gpuVisible: false });
    const { tensorflow } = node.versions;
    const checks = documentOf(doctor).checks.filter(({ name }: { name: string }) => /node/.test(name));
    expect(checks.find(({ name }: { name: string }) => name === 'tfjs node cpu').found).toContain(
      `tensorflow ${tensorflow}, no GPU visible`,
    );
    const [{ engine, record }] = documentOf(status).engines;
    expect(engine).toBe('node');
    if (record) {
      expect(record.version).toBe(tensorflow);
      const { found } = checks.find(({ name }: { name: string }) => name === 'tfjs-node');
      expect(found).toContain(`on TensorFlow ${tensorflow}`);
    }
  });

  test('libtorch and libtensorflow are never loaded into one process', () => {
    const code = `const { sequential, layers } = require(${JSON.stringify(repository)});
      const loaded = () => require('node:fs').readFileSync('/proc/self/maps', 'utf8');
      async function open(options) {
        const model = sequential([layers.dense(1, { inputShape: [2] })]);
        model.compile({ optimizer: 'adam', loss: 'meanSquaredError', quiet: true, ...options });
        return (await model.runtime()).engine;
      }
      (async () => {
        const first = await open({ backend: 'tfjs', tfjsEngine: 'node' });
        const second = await open({ backend: 'native', device: 'cpu' }).catch(({ code }) => code);
        const third = await open({});
        const libraries = ['libtensorflow_framework', 'libtorch_cpu'].filter((name) => loaded().includes(name));
        console.log(JSON.stringify({ first, second, third, libraries }));
      })();`;
    const { first, second, third, libraries } = inChild(code);
    expect([first, third]).toEqual(['node', 'node']);
    expect(second).toMatch(/^ERR_BACKEND_(CONFLICT|UNAVAILABLE)$/);
    expect(libraries).toEqual(['libtensorflow_framework']);
  });
});

test('asked for and absent: exit 5 with the one command that mends it, and nothing else instead', async () => {
  const { status, stdout, stderr } = await fusor([...small.slice(0, -1), ...flags], { cwd, env: nothing });
  expect([status, stdout]).toEqual([5, '']);
  expect(stderr).toMatch(
    /^error: backend tfjs with tfjsEngine node cannot be had · tfjs node: .* · run `npx fusor tfjs install` \[ERR_BACKEND_UNAVAILABLE\]\n$/,
  );
});

test('the GPU engine without a GPU: exit 5', async () => {
  const env = { CUDA_VISIBLE_DEVICES: '-1' };
  const { status, stderr } = await fusor([...small, '--tfjs-engine', 'node-gpu'], { cwd, env });
  expect(status).toBe(5);
  expect(stderr).toMatch(/^error: tfjsEngine node-gpu cannot be had · tfjs node-gpu: .* · .* \[ERR_BACKEND_/);
});

test('tfjs status without anything set up, and an action that there is not', async () => {
  const { status, stdout } = await fusor(['tfjs', 'status'], { cwd, env: nothing });
  expect(status).toBe(0);
  expect(stdout).toBe(
    'node: the node engine is not set up · run `npx fusor tfjs install`\n' +
      'node-gpu: the node-gpu engine is not set up · run `npx fusor tfjs build --gpu`\n',
  );
  expect((await fusor(['tfjs', 'clean'], { cwd, env: nothing })).stdout).toBe('nothing to remove\n');
  expect((await fusor(['tfjs', 'remove'], { cwd, env: nothing })).status).toBe(2);
});
