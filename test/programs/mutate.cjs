// Damages bytes at random, in the ways in which files are damaged and in those in which they are forged.

/** Numbers at the edges of what readers compute with. */
const NUMBERS = [
  '-1',
  '-0',
  '0',
  '1',
  '1.5',
  '1e400',
  '-1e400',
  '4294967296',
  '9007199254740993',
  '1e9',
  '2147483648',
];
const TOKENS = [
  ...NUMBERS,
  'null',
  'true',
  '"x"',
  '""',
  '[]',
  '{}',
  '[[[[]]]]',
  '"../../x"',
  '"\\u0000"',
  '"__proto__"',
];
const INTEGERS = [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff];
const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:e[+-]?\d+)?|true|false|null|[[\]{},:]/g;

/** xorshift32: fast, and repeatable from its seed. */
function generator(seed) {
  let state = seed * 2654435761 + 1 || 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

function mutator(seed) {
  const random = generator(seed);
  const pick = (list) => list[random(list.length)];
  const byteWays = [
    (bytes) => bytes.subarray(0, random(bytes.length + 1)),
    (bytes) => withByte(bytes, random(bytes.length), (value) => value ^ (1 << random(8))),
    (bytes) => withByte(bytes, random(bytes.length), () => random(256)),
    (bytes) => withInteger(bytes, random(bytes.length), pick(INTEGERS), random(2)),
    (bytes) =>
      spliced(
        bytes,
        random(bytes.length),
        0,
        Buffer.from(Array.from({ length: random(9) }, () => random(256))),
      ),
    (bytes) => spliced(bytes, random(bytes.length), random(9), Buffer.alloc(0)),
    (bytes) =>
      spliced(bytes, random(bytes.length), 0, bytes.subarray(random(bytes.length)).subarray(0, random(64))),
    (bytes) => withInteger(bytes, random(Math.min(16, bytes.length)), pick(INTEGERS), random(2)),
  ];
  /** A token of JSON changed for another, left out or doubled: what comes out is mostly JSON still. */
  const tokenWay = (bytes, from, to) => {
    const text = bytes.toString('latin1', from, to);
    const tokens = [...text.matchAll(TOKEN)];
    if (tokens.length === 0) return bytes;
    const { index, 0: token } = pick(tokens);
    const others = [
      pick(TOKENS),
      pick(tokens)[0],
      '',
      `${token},${token}`,
      `${token}:${token}`,
      '['.repeat(random(200)),
    ];
    return spliced(bytes, from + index, token.length, Buffer.from(pick(others), 'latin1'));
  };
  return ({ bytes, json }) => {
    let out = Buffer.from(bytes);
    for (let edit = random(3); edit >= 0 && out.length > 0; edit--) {
      const asJson = json && random(3) > 0;
      out = asJson ? tokenWay(out, Math.min(json[0], out.length), out.length - json[1]) : pick(byteWays)(out);
    }
    return out;
  };
}

function withByte(bytes, at, change) {
  bytes[at] = change(bytes[at]);
  return bytes;
}

function withInteger(bytes, at, value, littleEndian) {
  for (let i = 0; i < 4 && at + i < bytes.length; i++)
    bytes[at + i] = (value >>> (8 * (littleEndian ? i : 3 - i))) & 255;
  return bytes;
}

function spliced(bytes, at, remove, insert) {
  return Buffer.concat([bytes.subarray(0, at), insert, bytes.subarray(at + remove)]);
}

module.exports = { mutator };
