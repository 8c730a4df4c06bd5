/** What a person sees of a verification. */
import { table } from '../output';
import type { Compared, Differences } from './parity';
import type { Parting } from './parting';

export interface Verified {
  name: string;
  ranOn: string;
  /** Against the reference; null for the reference itself. */
  differences: Differences | null;
  parting: Parting | null;
  /** Same training, other spans: the first step that was not repeated to the bit. */
  unrepeated: number | null;
  /** Why it did not train. */
  error: string | null;
  ok: boolean;
}

/** Rows are trainings, columns what is compared; the line below the titles is what is allowed. */
export function verificationTable(results: readonly Verified[], reference: string): string {
  const shown = results.find(({ differences }) => differences)?.differences;
  if (!shown) return '';
  const columns: [title: string, of: (d: Differences) => Compared | null][] = [
    ...Object.keys(shown.losses).map((step): (typeof columns)[0] => [
      label('loss', step),
      (d) => d.losses[step],
    ]),
    ['epoch loss', (d) => d.epochLoss],
    ...Object.keys(shown.weights).map((step): (typeof columns)[0] => [
      label('weights', step),
      (d) => d.weights[step],
    ]),
  ];
  const used = columns.filter(([, of]) => of(shown));
  const head = ['', ...used.map(([title]) => title), ''];
  // A witness may be allowed more.
  const least = (of: (d: Differences) => Compared | null) =>
    Math.min(...results.flatMap(({ differences }) => (differences && of(differences)?.tolerance) ?? []));
  const allowed = [
    'allowed',
    ...used.map(([, of]) => (Number.isFinite(least(of)) ? least(of).toExponential(0) : '–')),
    '',
  ];
  const rows = results.map(({ name, differences, ok }) => [
    name,
    ...used.map(([, of]) => {
      const compared = differences && of(differences);
      if (!compared) return name === reference ? 'reference' : '–';
      const { difference, tolerance } = compared;
      return tolerance !== null && tolerance > least(of)
        ? `${small(difference)} of ${tolerance.toExponential(0)}`
        : small(difference);
    }),
    ok ? '✓' : '✗',
  ]);
  return table(
    head,
    [allowed, ...rows],
    used.map((_, i) => i + 1),
  );
}

const label = (what: string, step: string) => `${what} ${Number(step) === 1 ? '1 step' : step}`;

function small(value: number): string {
  return value === 0 ? '0' : value.toExponential(1);
}

/** One line for each that is not the same training, and why. */
export function faults(results: readonly Verified[], reference: string): string[] {
  return results.flatMap(({ name, parting, unrepeated, error }) => {
    if (error) return [`✗ ${name} did not train: ${error}`];
    const lines: string[] = [];
    if (parting) {
      const { step, tensor, difference, tolerance, cause } = parting;
      const where = step === 0 ? 'before training' : `at step ${step}`;
      const by = `${small(difference)} apart, allowed ${small(tolerance)}`;
      lines.push(`✗ ${name} parts from ${reference} ${where}: ${tensor}, ${by} · ${cause}`);
    }
    if (unrepeated !== null)
      lines.push(`✗ ${name} does not repeat itself: step ${unrepeated} has another loss in a longer span`);
    return lines;
  });
}
