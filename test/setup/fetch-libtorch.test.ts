import { createHash } from 'node:crypto';
import { cpSync, existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { libtorchFiles } from '../support/libtorch';
import { localServer } from '../support/local-server';
import { callScript, repository, temporaryFolder, toolFolder } from '../support/script';
import { zip } from '../support/zip';

const folder = temporaryFolder();
const prefixed = (prefix: string, files: Record<string, string>) =>
  Object.fromEntries(Object.entries(files).map(([name, text]) => [`${prefix}/${name}`, text]));
const archive = zip(prefixed('libtorch', libtorchFiles()));

// The scripts as they are, except that the recorded archive is ours.
const scripts = join(folder, 'scripts');
cpSync(join(repository, 'scripts'), scripts, { recursive: true });
const record = {
  version: '2.13.0',
  variant: 'cpu',
  platform: `${process.platform}-${process.arch}`,
  file: 'libtorch.zip',
  sha256: createHash('sha256').update(archive).digest('hex'),
};
writeFileSync(join(scripts, 'lib/libtorch-digests.json'), JSON.stringify([record]));

let served: Record<string, Buffer>;
let asked: string[] = [];
const site = localServer((request, response) => {
  asked.push(request.url ?? '');
  const body = served[request.url ?? ''];
  response.writeHead(body ? 200 : 404, { 'content-length': body?.length ?? 0 }).end(body);
});
beforeEach(() => {
  served = { '/libtorch/cpu/libtorch.zip': archive };
  asked = [];
});

/** A python3 whose pip offers one wheel, and writes `tree` when it installs. */
function fakePip({
  url = '',
  requires = [] as string[],
  tree = {} as Record<string, string>,
  fails = false,
}) {
  const report = {
    install: [
      { download_info: { url }, metadata: { name: 'torch', version: '2.13.0', requires_dist: requires } },
    ],
  };
  const writes = Object.entries(tree).map(
    ([name, text]) =>
      `mkdir -p "$site/$(dirname '${name}')"; printf '%s' '${text.replaceAll('\0', '').replaceAll("'", `'\\''`)}' > "$site/${name}"`,
  );
  return `
    case "$*" in *"pip --version"*) exit 0 ;; *sys.version_info*) echo 12; exit 0 ;; esac
    case "$*" in *"-m pip install"*) ;; *) exit 1 ;; esac
    echo "$*" >> "$HOME/pip.calls"
    ${fails ? 'echo "ERROR: no network here"; exit 1' : ''}
    for word in "$@"; do
      [ "$before" = --report ] && { cat > "$word" <<'REPORT'\n${JSON.stringify(report)}\nREPORT\n exit 0; }
      [ "$before" = --target ] && site=$word
      before=$word
    done
    ${writes.join('\n')}`;
}

let count = 0;
async function fetchLibtorch(pip: string | null, options: object = {}, env: NodeJS.ProcessEnv = {}) {
  const home = join(folder, String(count++));
  const programs: Record<string, string> = { python3: pip ?? 'exit 1', 'nvidia-smi': 'exit 9' };
  // What the fake pip needs of a shell's tools.
  for (const name of ['cat', 'mkdir', 'dirname']) programs[name] = `PATH=/bin:/usr/bin exec ${name} "$@"`;
  const world = {
    PATH: toolFolder(join(home, 'bin'), programs),
    HOME: home,
    FUSOR_LIBTORCH_URL: site.url,
    ...env,
  };
  const file = join(scripts, 'lib/fetch-libtorch.mjs');
  const called = await callScript(file, 'fetchLibtorch', [options], world);
  const cache = join(home, '.cache/fusor/libtorch');
  return { ...called, home, cache, left: existsSync(cache) ? readdirSync(cache) : [] };
}

const cpuWheel = 'https://index.example/torch-2.13.0%2Bcpu-cp312-cp312-manylinux_2_28_x86_64.whl';
const plainWheel = 'https://index.example/torch-2.13.0-cp312-cp312-manylinux_2_28_x86_64.whl';
const wheelTree = {
  ...prefixed('torch', libtorchFiles()),
  'torch/version.py': "__version__ = '2.13.0+cpu'\n",
  'torch/nn/module.py': 'x',
  'torchgen/api.py': 'x',
};

test('the wheel by pip, when the index offers the CPU build; only what building needs is kept', async () => {
  const { value, error, left, cache } = await fetchLibtorch(fakePip({ url: cpuWheel, tree: wheelTree }));
  expect(error).toBeUndefined();
  expect(value).toMatchObject({ source: 'cache', version: '2.13.0', path: join(cache, '2.13.0-cpu/torch') });
  expect(left).toEqual(['2.13.0-cpu']);
  expect(readdirSync(join(cache, '2.13.0-cpu'))).toEqual(['torch']);
  expect(readdirSync(join(cache, '2.13.0-cpu/torch'))).toEqual(['include', 'lib', 'version.py']);
  expect(asked).toEqual([]);
});

test('the archive, when the index offers a CUDA build', async () => {
  const requires = ['nvidia-cudnn-cu13==9.20.0.48; platform_system == "Linux"', 'sympy'];
  const { value, left, cache } = await fetchLibtorch(fakePip({ url: plainWheel, requires }));
  expect(value).toMatchObject({ path: join(cache, '2.13.0-cpu/libtorch'), variant: 'cpu' });
  expect(left).toEqual(['2.13.0-cpu']);
  expect(asked).toEqual(['/libtorch/cpu/libtorch.zip']);
});

test('the archive, when there is no pip', async () => {
  const { value, left } = await fetchLibtorch(null);
  expect(value).toMatchObject({ version: '2.13.0' });
  expect(left).toEqual(['2.13.0-cpu']);
});

test('a CUDA build comes with its libraries, and not with what Python needs; its size is said first', async () => {
  const requires = [
    'cuda-toolkit[cublas]==13.0.2; platform_system == "Linux"',
    'jinja2',
    'optree; extra == "optree"',
  ];
  const tree = {
    ...wheelTree,
    'torch/lib/libtorch_cuda.so': 'x',
    'torch/version.py': "__version__ = '2.13.0+cu126'\n",
  };
  const pip = fakePip({ url: plainWheel.replace('2.13.0', '2.13.0%2Bcu126'), requires, tree });
  const { home, stderr, left } = await fetchLibtorch(pip, { variant: 'cu126' });
  expect(left).toEqual(['2.13.0-cu126']);
  expect(stderr).toMatch(/libtorch 2\.13\.0 \(cu126\) with its CUDA libraries is a download of \d+ MB/);
  const { value: calls } = await callScript('node:fs', 'readFileSync', [join(home, 'pip.calls'), 'utf8']);
  expect(calls).toContain('cuda-toolkit[cublas]==13.0.2');
  expect(calls).not.toContain('jinja2');
});

test.each([
  [
    'a tampered archive',
    () => Buffer.concat([archive.subarray(0, 50), Buffer.from('!'), archive.subarray(51)]),
    'sha256',
  ],
  ['a web page', () => Buffer.from('<html>log in</html>'), 'web page'],
])('%s and no pip: one line, and a cache with nothing in it', async (_name, make, words) => {
  served = { '/libtorch/cpu/libtorch.zip': make() };
  const { error, left } = await fetchLibtorch(null);
  expect(error?.code).toBe('ERR_NET');
  expect(error?.message).toContain('libtorch 2.13.0 (cpu) could not be fetched');
  expect(error?.message).toContain(words);
  expect(error?.message).toContain('no python3 with pip');
  expect(error?.message).not.toContain('\n');
  expect(left).toEqual([]);
});

test('every way fails: each reason is in the line', async () => {
  served = {};
  const { error, left } = await fetchLibtorch(fakePip({ fails: true }));
  expect(error?.message).toContain('404');
  expect(error?.message).toContain('ERROR: no network here');
  expect(left).toEqual([]);
});

test('a wheel without libraries does not get the final name', async () => {
  served = {};
  const { error, left } = await fetchLibtorch(fakePip({ url: cpuWheel, tree: { 'torch/version.py': 'x' } }));
  expect(error?.code).toBe('ERR_NET');
  expect(left).toEqual([]);
});

describe('unpacking', () => {
  test.each([
    ['../escape.txt', 'leaves its folder'],
    ['/tmp/escape.txt', 'leaves its folder'],
  ])('%s is refused', async (name, words) => {
    const path = join(folder, `bad-${count++}.zip`);
    writeFileSync(path, zip({ [name]: 'x' }));
    const target = join(folder, `out-${count}`);
    const { error } = await callScript(join(scripts, 'lib/unzip.mjs'), 'unzip', [path, target]);
    expect(error).toMatchObject({ code: 'ERR_DATA_FORMAT', message: expect.stringContaining(words) });
    expect(existsSync(join(folder, 'escape.txt'))).toBe(false);
  });

  test('a file that is no archive', async () => {
    const path = join(folder, 'nothing.zip');
    writeFileSync(path, 'PK\x03\x04 and no more');
    const { error } = await callScript(join(scripts, 'lib/unzip.mjs'), 'unzip', [path, join(folder, 'none')]);
    expect(error?.message).toContain('it has no directory');
  });
});
