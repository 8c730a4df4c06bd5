/** JSON from foreign hands: JSON.parse, after a pass that bounds its depth and size and finds keys that come twice. */

/** Deeper than any file of ours or of TensorFlow.js; JSON.parse would go on until its stack overflows. */
const MAX_DEPTH = 64;
/** Values in a file: what they become in memory is many times their text. */
const MAX_VALUES = 400_000;

export type JsonRule = 'json' | 'utf8' | 'depth' | 'values' | 'duplicate-key';

/** What is wrong with the text, for an error that names the file. */
export class JsonFault extends Error {
  constructor(
    readonly rule: JsonRule,
    message: string,
  ) {
    super(message);
  }
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** @throws JsonFault */
export function parseJson(bytes: Uint8Array): unknown {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new JsonFault('utf8', 'not valid UTF-8');
  }
  checkStructure(text);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new JsonFault('json', `not JSON (${(error as Error).message.split('\n')[0].slice(0, 120)})`);
  }
}

/** Looks at brackets, commas and keys only: what is no JSON is left to JSON.parse. */
function checkStructure(text: string): void {
  /** The keys of each object that is open; null for an array. */
  const open: (Set<string> | null)[] = [];
  let values = 0;
  for (let i = 0; i < text.length; i++) {
    switch (text[i]) {
      case '{':
      case '[':
        open.push(text[i] === '{' ? new Set() : null);
        if (open.length > MAX_DEPTH) throw new JsonFault('depth', `nested more than ${MAX_DEPTH} deep`);
        values++;
        break;
      case ',':
        values++;
        break;
      case '}':
      case ']':
        open.pop();
        break;
      case '"': {
        const end = endOfString(text, i);
        const keys = open.at(-1);
        if (keys && isKey(text, end)) addKey(keys, text.slice(i, end));
        i = end - 1;
      }
    }
    if (values > MAX_VALUES) throw new JsonFault('values', `more than ${MAX_VALUES} values`);
  }
}

/** One past the closing quote; the text's length where there is none. */
function endOfString(text: string, begin: number): number {
  for (let i = begin + 1; i < text.length; i++) {
    if (text[i] === '"') return i + 1;
    if (text[i] === '\\') i++;
  }
  return text.length;
}

function isKey(text: string, at: number): boolean {
  let i = at;
  while (i < text.length && ' \t\n\r'.includes(text[i])) i++;
  return text[i] === ':';
}

function addKey(keys: Set<string>, literal: string): void {
  // Two spellings of a key are one key: "a" and "\u0061".
  const key = literal.includes('\\') ? unescaped(literal) : literal.slice(1, -1);
  if (keys.has(key))
    throw new JsonFault('duplicate-key', `an object with the key ${JSON.stringify(key.slice(0, 60))} twice`);
  keys.add(key);
}

function unescaped(literal: string): string {
  try {
    return JSON.parse(literal);
  } catch {
    return literal;
  }
}
