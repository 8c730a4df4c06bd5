/**
 * AssemblyScript, compiled to WebAssembly: numbers of text, four short integers at a time. Most large tables are pictures or counts,
 * and most of these zeros. `../cells.ts` says what is where in memory.
 */

const POWERS = memory.data<f64>([
  1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
]);
/** Constants are loaded: V8 makes vectors that are written in a loop anew in each turn. First, of each of four bytes four times itself. */
const SPREAD = memory.data<u32>([0x00000000, 0x01010101, 0x02020202, 0x03030303]);
const WORDS = memory.data<u32>([
  0x01020304, 0x000f0000, 0x000f000f, 0x000a0000, 0x00010064, 0x000000ff, 0x30303030, 0x09090909,
]);
const NEWLINE = 10;
const RETURN = 13;
const SPACE = 32;
const PLUS = 43;
const MINUS = 45;
const POINT = 46;
const ZERO = 48;

/** Where the first cell begins that was not read, or the row that follows; and where its number would go. */
let place: usize = 0;
let into: usize = 0;

export function position(): usize {
  return place;
}

/**
 * Numbers of a row, until one that is none, or that has more than 15 digits, an exponent, or is no byte where bytes are wanted. Behind the text
 * is a newline, and after it 16 bytes more that can be read. @param end where numbers go @param wide float32, else bytes
 * @returns how many were read
 */
export function cells(begin: usize, end: usize, count: i32, separator: u8, wide: bool): i32 {
  place = begin;
  into = end;
  let left = count;
  for (;;) {
    left = short(left, separator, wide);
    // A few one by one, until it may be worth while to look at four again.
    for (const until = max(left - 4, 0); left > until; left--) {
      if (!cell(separator, wide)) return count - left;
      if (load<u8>(place - 1) === NEWLINE) return count - left + 1;
    }
    if (left === 0) break;
  }
  return count;
}

/** Integers of one to three digits, with a separator behind each. @returns how many of the cells are left */
function short(count: i32, separator: u8, wide: bool): i32 {
  const spread = v128.load(SPREAD);
  const back = v128.load32_splat(WORDS);
  const tens = v128.load32_splat(WORDS, 4);
  const others = v128.load32_splat(WORDS, 8);
  const ten = v128.load32_splat(WORDS, 12);
  const hundredAndOne = v128.load32_splat(WORDS, 16);
  const most = v128.load32_splat(WORDS, 20);
  const zero = v128.load32_splat(WORDS, 24);
  const nine = v128.load32_splat(WORDS, 28);
  const separators = i8x16.splat(separator);
  const zeros = i16x8.splat((((separator as i32) << 8) | ZERO) as i16);
  const none = i32x4.splat(0);
  const size: usize = wide ? 4 : 1;
  let at = place;
  let to = into;
  let left = count;
  while (left >= 4) {
    const text = v128.load(at);
    if (left >= 8 && i8x16.all_true(i8x16.eq(text, zeros))) {
      if (wide) {
        v128.store(to, none);
        v128.store(to, none, 16);
      } else v128.store64_lane(to, none, 0);
      at += 16;
      to += 8 * size;
      left -= 8;
      continue;
    }
    // A bit a byte.
    const ends = i8x16.bitmask(i8x16.eq(text, separators));
    const digits = i8x16.bitmask(i8x16.le_u(i8x16.sub(text, zero), nine));
    // Where the four cells end, a byte each.
    let rest = ends;
    let places = ctz(rest);
    rest &= rest - 1;
    places |= ctz(rest) << 8;
    rest &= rest - 1;
    places |= ctz(rest) << 16;
    rest &= rest - 1;
    if (rest === 0) break;
    const last = ctz(rest);
    places |= last << 24;
    const strange = ~(digits | ends);
    const empty = ends & ((ends << 1) | 1);
    const long = digits & (digits >> 1) & (digits >> 2) & (digits >> 3);
    if (((strange | empty | long) & ((2 << last) - 1)) !== 0) break;
    // The four bytes before each end, without those of the cell before: in each lane 0, hundreds, tens, ones.
    const from = i8x16.sub(i8x16.swizzle(i32x4.splat(places), spread), back);
    const before = i8x16.swizzle(i32x4.splat((places << 8) | 0xff), spread);
    const four = v128.and(i8x16.swizzle(text, from), i8x16.gt_s(from, before));
    const values = i32x4.add(
      i32x4.dot_i16x8_s(v128.and(four, tens), ten),
      i32x4.dot_i16x8_s(v128.and(i32x4.shr_u(four, 8), others), hundredAndOne),
    );
    if (wide) v128.store(to, f32x4.convert_i32x4_s(values));
    else {
      if (v128.any_true(i32x4.gt_s(values, most))) break;
      const words = i16x8.narrow_i32x4_u(values, values);
      v128.store32_lane(to, i8x16.narrow_i16x8_u(words, words), 0);
    }
    at += last + 1;
    to += 4 * size;
    left -= 4;
  }
  place = at;
  into = to;
  return left;
}

/** A mantissa below 2⁵³ over a power of ten that float64 holds, which is rounded once: as Number does it. */
function cell(separator: u8, wide: bool): bool {
  let at = place;
  let byte = load<u8>(at);
  while (byte === SPACE && separator !== SPACE) byte = load<u8>(++at);
  const negative = byte === MINUS;
  if (negative || byte === PLUS) byte = load<u8>(++at);
  let mantissa: u64 = 0;
  let digits = 0;
  let point = -1;
  for (; ; byte = load<u8>(++at)) {
    const digit: u32 = byte - ZERO;
    if (digit <= 9) {
      mantissa = mantissa * 10 + digit;
      digits++;
    } else if (byte === POINT && point < 0) point = digits;
    else break;
  }
  while ((byte === SPACE && separator !== SPACE) || byte === RETURN) byte = load<u8>(++at);
  if (digits === 0 || digits > 15 || (byte !== separator && byte !== NEWLINE)) return false;
  let value = mantissa as f64;
  if (point >= 0) value /= load<f64>(POWERS + ((digits - point) << 3));
  if (negative) value = -value;
  if (wide) {
    store<f32>(into, value as f32);
    into += 4;
  } else {
    if (!(value >= 0 && value <= 255 && Math.floor(value) === value)) return false;
    store<u8>(into, value as u8);
    into++;
  }
  place = at + 1;
  return true;
}
