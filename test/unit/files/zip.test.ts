import { zipSync } from 'fflate';
import { unzip, zip } from '../../../src/files/zip';
import { failure } from '../../support/models';

const members = { 'a.npy': Uint8Array.of(1, 2, 3), 'ä.npy': Uint8Array.of(4) };
const all = () => true;

test('members are those that were written, whatever their names', () => {
  expect([...unzip(zip(members), 'x', all)]).toEqual(Object.entries(members));
});

test('the records of Zip64, as writers of large archives leave them', () => {
  const bytes = Buffer.from(zip(members));
  const end = bytes.length - 22;
  const record = Buffer.alloc(56);
  record.writeUInt32LE(0x06064b50, 0);
  record.writeBigUInt64LE(44n, 4);
  record.writeBigUInt64LE(2n, 24);
  record.writeBigUInt64LE(2n, 32);
  record.writeBigUInt64LE(BigInt(bytes.readUInt32LE(end + 12)), 40);
  record.writeBigUInt64LE(BigInt(bytes.readUInt32LE(end + 16)), 48);
  const locator = Buffer.alloc(20);
  locator.writeUInt32LE(0x07064b50, 0);
  locator.writeBigUInt64LE(BigInt(end), 8);
  locator.writeUInt32LE(1, 16);
  const last = Buffer.from(bytes.subarray(end));
  last.writeUInt32LE(0xffffffff, 16);
  const large = Buffer.concat([bytes.subarray(0, end), record, locator, last]);
  expect([...unzip(large, 'x', all)]).toEqual(Object.entries(members));
});

test('a byte that has changed is found', async () => {
  const bytes = zip(members);
  bytes[Buffer.from(bytes).indexOf(Uint8Array.of(1, 2, 3)) + 1] ^= 64;
  const error = await failure(Promise.resolve().then(() => unzip(bytes, 'x', all)));
  expect(error.message).toBe('the checksum of a.npy is wrong · x · take another copy');
  expect([...unzip(bytes, 'x', (name) => name !== 'a.npy').keys()]).toEqual(['ä.npy']);
});

test('what expands to more than is allowed is not unpacked', () => {
  // 200 MB of zeros in 200 KB.
  const bytes = zipSync({ a: new Uint8Array(200e6) });
  expect(() => unzip(bytes, 'x', all)).toThrow(/expand too much/);
  expect(unzip(bytes, 'x', all, 1000).get('a')).toHaveLength(200e6);
});
