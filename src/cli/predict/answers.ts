/** Predictions as people and programs read them: classes with their probabilities, or values. */
import { FusorError } from '../../errors';
import type { Model, NDArray } from '../../index';
import { inPieces, tableLines } from '../output';

export type Prediction =
  /** name: where the classes have names. */
  { class: number; name?: string; probabilities: number[] } | { values: number[] };

/**
 * What overflowed is no answer, and JSON has no number for it.
 * @param data [rows, outputs]
 * @param nameOf what a row is called
 * @throws ERR_NONFINITE_OUTPUT
 */
export function checkFinite(
  { data, shape: [, outputs] }: NDArray<Float32Array>,
  nameOf: (row: number) => string,
): void {
  const at = data.findIndex((value) => !Number.isFinite(value));
  if (at < 0) return;
  throw new FusorError('ERR_NONFINITE_OUTPUT', [
    `the model's answer is ${data[at]}`,
    `row ${nameOf(Math.floor(at / outputs))}`,
    'its numbers are too great for the model: bring them to the range of those that it was trained on',
  ]);
}

/** One row, as JSON has it. */
export function rowOf({ data, shape: [, outputs] }: NDArray<Float32Array>, row: number): number[] {
  const values = new Array<number>(outputs);
  // Array.from takes twenty times as long where rows are short.
  for (let i = 0; i < outputs; i++) values[i] = data[row * outputs + i];
  return values;
}

/** How outputs are read: as values, as classes' probabilities, or as the logits of these, by what makes them such. */
export type Reading = 'values' | 'probabilities' | 'sigmoid' | 'softmax';

export function readingOf(model: Model): Reading {
  const { output } = model.plan();
  if (output === 'softmax' || output === 'sigmoid') return 'probabilities';
  const loss = model.toJSON().compile?.loss;
  // A model that is trained from logits gives these.
  if (output !== 'linear' || !loss?.fromLogits) return 'values';
  return loss.kind === 'binaryCrossentropy' ? 'sigmoid' : 'softmax';
}

/**
 * Of a classifier, each row's class; with one output it is 1 above a half, else 0. Of others the outputs as they are.
 * Each is made as it is asked for, whenever they are gone through.
 */
export function answersOf(
  model: Model,
  outputs: NDArray<Float32Array>,
  classNames: readonly string[] = [],
): Iterable<Prediction> {
  const reading = readingOf(model);
  return {
    *[Symbol.iterator]() {
      for (let row = 0; row < outputs.shape[0]; row++)
        yield answerOf(rowOf(outputs, row), reading, classNames);
    },
  };
}

function answerOf(values: number[], reading: Reading, classNames: readonly string[]): Prediction {
  if (reading === 'values') return { values };
  const probabilities = reading === 'probabilities' ? values : probabilitiesOf(values, reading);
  const best = probabilities.indexOf(greatest(probabilities));
  const chosen = values.length === 1 ? Number(probabilities[0] > 0.5) : best;
  const name = classNames[chosen];
  return { class: chosen, ...(name !== undefined && { name }), probabilities };
}

/** Of any number of them: as arguments they would have to fit on the stack. */
const greatest = (values: readonly number[]) =>
  values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);

function probabilitiesOf(logits: number[], kind: 'softmax' | 'sigmoid'): number[] {
  if (kind === 'sigmoid') return logits.map((logit) => 1 / (1 + Math.exp(-logit)));
  const most = greatest(logits);
  const powers = logits.map((logit) => Math.exp(logit - most));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / sum);
}

/** @param nameOf what a row is called */
export function answerTable(
  answers: Iterable<Prediction>,
  nameOf: (row: number) => string,
): Generator<string> {
  const [first] = answers;
  const head = 'values' in first ? ['row', 'value'] : ['row', 'class', 'probability'];
  const rows = {
    *[Symbol.iterator]() {
      let row = 0;
      for (const answer of answers) yield [nameOf(row++), ...cellsOf(answer)];
    },
  };
  return inPieces(tableLines(head, rows, [0, 1, 2]), '\n');
}

function cellsOf(answer: Prediction): string[] {
  if ('values' in answer) return [answer.values.map((value) => value.toPrecision(6)).join(' ')];
  const { class: chosen, name, probabilities } = answer;
  // Of one output it is the probability of 1.
  const sure = probabilities[chosen] ?? probabilities[0];
  const probability = probabilities.length === 1 && chosen === 0 ? 1 - sure : sure;
  return [name ?? String(chosen), probability.toFixed(4)];
}

/** A document whose last member are the predictions. @param document the others, at least one */
export function* predictionsJson(
  document: object,
  answers: Iterable<Prediction>,
  nameOf: (row: number) => string,
): Generator<string> {
  function* rows() {
    let row = 0;
    for (const answer of answers) yield JSON.stringify({ row: nameOf(row++), ...answer });
  }
  yield `${JSON.stringify(document).slice(0, -1)},"predictions":[`;
  yield* inPieces(rows(), ',');
  yield ']}';
}
