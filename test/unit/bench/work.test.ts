import { OPS, workOf } from '../../../src/bench/work';

const shape = { batch: 2, inputs: 3, units: 5 };

// x 6 values, w 15, b 5, y and dy 10.
test.each([
  ['forward', { flops: 2 * 30, read: 4 * (6 + 15 + 5), written: 4 * 10 }],
  ['forward-backward', { flops: 6 * 30, read: 4 * (6 + 15 + 5 + 10), written: 4 * (10 + 6 + 15 + 5) }],
  ['input-gradient', { flops: 2 * 30, read: 4 * (10 + 15 + 6), written: 4 * 6 }],
  ['weight-update', { flops: 60 + 10 + 12 * 20, read: 4 * (6 + 10 + 3 * 20), written: 4 * 3 * 20 }],
  ['sparse-forward', { flops: 2 * 3 * 5, read: 6 + 4 * (15 + 5), written: 4 * 10 }],
  ['sparse-update', { flops: 30 + 10 + 12 * 20, read: 6 + 4 * (10 + 3 * 20), written: 4 * 3 * 20 }],
  ['softmax-crossentropy', { flops: 70, read: 4 * (10 + 2), written: 4 * 10 }],
  ['gather', { flops: 6, read: 6 + 4 * 2, written: 4 * 6 }],
  ['optimizer', { flops: 12 * 15, read: 4 * (45 + 3 + 5), written: 4 * 45 }],
] as const)('%s, half of the bytes zero', (op, expected) => {
  const inPlace = ['weight-update', 'sparse-update', 'optimizer'].includes(op);
  expect(workOf(op, shape, 0.5)).toEqual({ ...expected, ...(inPlace && { footprint: expected.read }) });
});

test('the flagship step has 13.09 MFLOP of products', () => {
  const flops = (op: 'forward' | 'weight-update', batch: number, inputs: number, units: number) =>
    workOf(op, { batch, inputs, units }, 1).flops -
    (op === 'forward' ? 0 : batch * units + 12 * (inputs + 1) * units);
  const first = flops('forward', 32, 784, 128) + flops('weight-update', 32, 784, 128);
  const last = 3 * flops('forward', 32, 128, 10);
  expect((first + last) / 1e6).toBeCloseTo(13.09, 2);
});

test('every operation has an example above', () => expect(OPS).toHaveLength(9));
