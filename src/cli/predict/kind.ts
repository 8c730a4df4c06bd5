/** What text is: a table, which is read row after row, or JSON, which is read whole. */
import { openSource } from '../../data/table/source';
import type { DataSource } from '../../data/unpack';

/** A first line that is longer belongs to no table. */
const HEAD = 1 << 20;

/** @param named whether the model knows columns by names @returns undefined for what is no text */
export async function kindOfText(
  from: DataSource,
  named: boolean,
): Promise<'csv' | 'jsonl' | 'json' | undefined> {
  const source = await openSource(from);
  try {
    const head = Buffer.alloc(Math.min(HEAD, source.size));
    await source.read(head, 0);
    if (head.includes(0)) return undefined;
    const text = head.toString('utf8').replace(/^\ufeff?\s*/, '');
    if (!/^[[{]/.test(text)) return 'csv';
    return named && isRecord(text.split('\n', 1)[0]) ? 'jsonl' : 'json';
  } finally {
    await source.close();
  }
}

/** Whether a line is a row of named cells, and not rows as a server takes them. */
function isRecord(line: string): boolean {
  try {
    const row = JSON.parse(line);
    return !Array.isArray(row) && !Array.isArray(row.instances);
  } catch {
    return false;
  }
}
