/** Where rows of text end: after a newline, in CSV one outside quotes. */

const [NEWLINE, QUOTE] = [10, 34];

/** Where the row that begins at `from` ends; 0 where that is not there. A quote opens a cell at the cell's beginning, and is text elsewhere. */
export function rowEnd(bytes: Uint8Array, from: number, delimiter: string): number {
  const separator = delimiter.charCodeAt(0);
  let quoted = false;
  let opens = true;
  for (let at = from; at < bytes.length; at++) {
    const byte = bytes[at];
    // A second quote after the one that closes opens the cell again.
    if (quoted) quoted = byte !== QUOTE;
    else if (byte === QUOTE && opens) quoted = true;
    else if (byte === NEWLINE) return at + 1;
    else opens = byte === separator;
  }
  return 0;
}

/** Where the last whole row ends, of those from `from` on; 0 where there is none. @param delimiter '' where quotes are text */
export function lastRowEnd(bytes: Uint8Array, from: number, delimiter: string): number {
  // A Buffer's search takes many bytes at a time.
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (!delimiter || !buffer.includes(QUOTE)) return buffer.lastIndexOf(NEWLINE) + 1;
  let end = 0;
  for (let next = rowEnd(bytes, from, delimiter); next > 0; next = rowEnd(bytes, end, delimiter)) end = next;
  return end;
}
