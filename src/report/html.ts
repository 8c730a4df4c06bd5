/** HTML from values: whatever comes from outside is text. */

/** HTML that is to be taken as it is. */
export class Html {
  constructor(readonly text: string) {}
}

const ENTITIES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

export function escapeText(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character]);
}

type Value = string | number | Html | readonly Html[];

/** Values are escaped, but for Html: html`<b>${name}</b>`. */
export function html(parts: TemplateStringsArray, ...values: readonly Value[]): Html {
  const written = values.map((value) => {
    if (value instanceof Html) return value.text;
    if (Array.isArray(value)) return value.map(({ text }: Html) => text).join('');
    return escapeText(String(value));
  });
  return new Html(parts.map((part, i) => part + (written[i] ?? '')).join(''));
}

/** Text whose options stay whole: no line ends within --batch-size. */
export function withOptions(text: string): Html[] {
  return text
    .split(/(--[\w-]+)/)
    .map((part, i) => (i % 2 === 1 ? html`<span class="option">${part}</span>` : html`${part}`));
}
