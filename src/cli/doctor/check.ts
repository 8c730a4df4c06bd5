/** One thing that doctor looked at. */
export interface Check {
  name: string;
  ok: boolean;
  /** What was found, or what is wrong. */
  found: string;
  /** What to do about it; empty when nothing need be done. */
  cure: string;
}

export function good(name: string, found: string): Check {
  return { name, ok: true, found, cure: '' };
}

export function bad(name: string, found: string, cure: string): Check {
  return { name, ok: false, found, cure };
}

/** The message of anything thrown; fusor's own carry the cure in it. */
export function failed(name: string, error: unknown, cure = ''): Check {
  return bad(name, (error instanceof Error ? error.message : String(error)).split('\n')[0], cure);
}
