/** AssemblyScript, compiled to WebAssembly: sums of columns of bytes, and of their squares, 16 columns at a time. */

/** Sums of so many bytes have room in 16 bits; and so many rows in the processor's cache. */
const ROWS: usize = 256;

/**
 * Adds rows of bytes to sums of 32 bits, which have room for columns up to the next 16: what lies behind a row's end is added, too.
 * @param bytes [count, width], and 16 more that can be read
 */
export function add(bytes: usize, count: usize, width: usize, sums: usize, squares: usize): void {
  for (let row: usize = 0; row < count; row += ROWS) {
    const rows = min(ROWS, count - row);
    for (let column: usize = 0; column < width; column += 16)
      addColumns(bytes + row * width + column, rows, width, sums + 4 * column, squares + 4 * column);
  }
}

function addColumns(bytes: usize, rows: usize, width: usize, sums: usize, squares: usize): void {
  let low = i16x8.splat(0);
  let high = i16x8.splat(0);
  let first = v128.load(squares);
  let second = v128.load(squares, 16);
  let third = v128.load(squares, 32);
  let fourth = v128.load(squares, 48);
  const end = bytes + rows * width;
  for (let at = bytes; at < end; at += width) {
    const values = v128.load(at);
    low = i16x8.add(low, i16x8.extend_low_i8x16_u(values));
    high = i16x8.add(high, i16x8.extend_high_i8x16_u(values));
    const lower = i16x8.extmul_low_i8x16_u(values, values);
    const higher = i16x8.extmul_high_i8x16_u(values, values);
    first = i32x4.add(first, i32x4.extend_low_i16x8_u(lower));
    second = i32x4.add(second, i32x4.extend_high_i16x8_u(lower));
    third = i32x4.add(third, i32x4.extend_low_i16x8_u(higher));
    fourth = i32x4.add(fourth, i32x4.extend_high_i16x8_u(higher));
  }
  v128.store(squares, first);
  v128.store(squares, second, 16);
  v128.store(squares, third, 32);
  v128.store(squares, fourth, 48);
  v128.store(sums, i32x4.add(v128.load(sums), i32x4.extend_low_i16x8_u(low)));
  v128.store(sums, i32x4.add(v128.load(sums, 16), i32x4.extend_high_i16x8_u(low)), 16);
  v128.store(sums, i32x4.add(v128.load(sums, 32), i32x4.extend_low_i16x8_u(high)), 32);
  v128.store(sums, i32x4.add(v128.load(sums, 48), i32x4.extend_high_i16x8_u(high)), 48);
}
