/** What fused kernels do not run is said before a session is made, by the part of the plan. */
import type { TrainPlan } from '../../src/backend/contract';
import { loadBinding, type NativeOptions } from '../../src/backend/native/binding';
import { provider } from '../../src/backend/native/provider';
import { dense, planOf } from '../support/plans';
import { describeUnless } from '../support/skip';
import { obstacle } from './program';

describeUnless(obstacle)('fused kernels', () => {
  const plan = planOf([dense(4, 3, 'relu'), dense(3, 2)], 'sparseCategoricalCrossentropy');
  const [first, second] = plan.layers;
  const held: TrainPlan = {
    ...plan,
    layers: [first, { ...second, name: 'last', kernelConstraint: { maxNorm: 1 } } as never],
  };
  const optimizer = (parts: object): TrainPlan => ({ ...plan, optimizer: { ...plan.optimizer, ...parts } });
  const metrics: TrainPlan = {
    ...plan,
    metrics: Array.from({ length: 13 }, (_, k) => ({ kind: 'topK', name: `top${k}`, k: 1 })) as never,
  };
  const CPU = { device: 'cpu' };
  const GPU = { device: 'cuda:0', precision: 'fp32' };

  test.each<[string, TrainPlan, Partial<NativeOptions>, string | null]>([
    ['a plan', plan, CPU, null],
    ['clipping, on the CPU', optimizer({ clipNorm: 1 }), CPU, null],
    ['clipping, on a GPU', optimizer({ clipNorm: 1 }), GPU, null],
    ['accumulation, on a GPU', optimizer({ gradientAccumulationSteps: 2 }), GPU, null],
    ['a constraint, on the CPU', held, CPU, null],
    ['a constraint, on a GPU', held, GPU, null],
    ['many metrics, on the CPU', metrics, CPU, null],
    ['many metrics, on a GPU', metrics, GPU, 'there are more than 12 metrics'],
    ['bfloat16', plan, { ...GPU, precision: 'bf16' }, 'fused kernels compute in fp32 or tf32'],
  ])('%s', (_, asked, where, said) => {
    const options = { kernels: 'fused', isa: 'auto', threads: 1, ...where };
    const found = loadBinding().fusedObstacle(asked, options);
    expect(found).toEqual(said && expect.stringContaining(said));
  });

  afterEach(() => {
    delete process.env.FUSOR_PLAYED_GPU;
  });

  test('a backend of them says so, and others run all', async () => {
    process.env.FUSOR_PLAYED_GPU = '1';
    const request = { device: 'cuda:0', precision: 'fp32', threads: 1, tfjsEngine: 'auto' } as const;
    const fused = await provider.open({ ...request, kernels: 'fused' });
    expect(fused.unsupported(metrics)).toMatch(
      /^there are more than 12 metrics: 'auto' takes framework kernels$/,
    );
    for (const kernels of ['auto', 'framework'] as const)
      expect((await provider.open({ ...request, kernels })).unsupported(metrics)).toBeNull();
  });
});
