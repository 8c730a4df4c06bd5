/** Cyclic redundancy checks of 32 bits, reflected: zlib's, which Node.js has from 20.15 on only, and Castagnoli's. */
export const crc32 = crcOf(0xedb88320);
export const crc32c = crcOf(0x82f63b78);

function crcOf(polynomial: number): (data: Uint8Array) => number {
  const table = Uint32Array.from({ length: 256 }, (_, byte) => {
    let value = byte;
    for (let bit = 0; bit < 8; bit++) value = (value >>> 1) ^ (value & 1 ? polynomial : 0);
    return value;
  });
  return (data) => {
    let crc = 0xffffffff;
    for (const byte of data) crc = table[(crc ^ byte) & 255] ^ (crc >>> 8);
    return (crc ^ 0xffffffff) >>> 0;
  };
}
