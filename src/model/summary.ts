import { printable } from '../errors';
import type { Layout } from './layout';

/** Thousands with commas in every locale. */
const grouped = (value: number): string => String(value).replace(/\B(?=(\d{3})+$)/g, ',');

/** A table of a model's layers as Keras prints it: name (class), output shape with its batch dimension, parameters. */
export function summaryOf(name: string, { layers, parameterCount }: Layout): string {
  const rows = [
    ['Layer (type)', 'Output shape', 'Parameters'],
    ...layers.map((layer) => [
      `${printable(layer.name)} (${layer.config.className})`,
      `[rows, ${layer.outputShape.join(', ')}]`,
      grouped(layer.parameters),
    ]),
  ];
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => row[column].length)));
  const line = ([layer, shape, parameters]: string[]) =>
    `${layer.padEnd(widths[0])}  ${shape.padEnd(widths[1])}  ${parameters.padStart(widths[2])}`;
  const rule = '─'.repeat(widths[0] + widths[1] + widths[2] + 4);
  const [head, ...body] = rows.map(line);
  const total = `Parameters: ${grouped(parameterCount)} (${grouped(parameterCount * 4)} bytes)`;
  const trainedCount = layers.reduce((sum, { trained }) => sum + trained, 0);
  const trained = trainedCount < parameterCount ? [`Trained: ${grouped(trainedCount)}`] : [];
  return [`Model "${printable(name)}"`, rule, head, rule, ...body, rule, total, ...trained].join('\n');
}
