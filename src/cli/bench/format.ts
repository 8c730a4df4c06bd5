/** Rows of figures as text: aligned, Markdown, CSV (RFC 4180). */

export const FORMATS = ['table', 'md', 'json', 'csv'] as const;
export type Format = (typeof FORMATS)[number];

export function markdown(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line)].join('\n');
}

/** One line a record, its nested keys joined by a dot; the keys of the first are the head. */
export function csv(records: readonly object[]): string {
  const flat = records.map((record) => new Map(flatten(record)));
  if (flat.length === 0) return '';
  const head = [...flat[0].keys()];
  const cell = (value: unknown) => {
    const text = String(value ?? '');
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return [head, ...flat.map((record) => head.map((key) => record.get(key)))]
    .map((cells) => cells.map(cell).join(','))
    .join('\r\n');
}

function flatten(record: object, before = ''): [string, unknown][] {
  return Object.entries(record).flatMap(([key, value]) =>
    typeof value === 'object' && value !== null
      ? flatten(value, `${before}${key}.`)
      : [[`${before}${key}`, value] as [string, unknown]],
  );
}
