/** An array as numpy saves it. */
export function npyBytes(
  descr: string,
  shape: readonly number[],
  { buffer, byteOffset, byteLength }: ArrayBufferView,
  fortran = false,
): Uint8Array {
  const sizes = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const fields = `{'descr': '${descr}', 'fortran_order': ${fortran ? 'True' : 'False'}, 'shape': (${sizes}), }`;
  const header = `${fields.padEnd(Math.ceil((11 + fields.length) / 64) * 64 - 11)}\n`;
  const head = Buffer.from(`\x93NUMPY\x01\x00  ${header}`, 'latin1');
  head.writeUInt16LE(header.length, 8);
  return new Uint8Array(Buffer.concat([head, new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength)]));
}
