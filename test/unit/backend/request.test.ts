import { resolveRequest } from '../../../src/backend/request';
import { failure } from '../../support/models';

const DEFAULTS = {
  backend: 'auto',
  device: 'auto',
  kernels: 'auto',
  precision: 'fp32',
  threads: 0,
  tfjsEngine: 'auto',
};

test('defaults', () => {
  expect(resolveRequest({}, {})).toEqual(DEFAULTS);
  expect(resolveRequest({}, { FUSOR_DEVICE: '', FUSOR_THREADS: '' })).toEqual(DEFAULTS);
});

test('the environment, below options', () => {
  const environment = {
    FUSOR_BACKEND: 'tfjs',
    FUSOR_DEVICE: 'cuda:2',
    FUSOR_KERNELS: 'framework',
    FUSOR_PRECISION: 'bf16',
    FUSOR_THREADS: '3',
    FUSOR_TFJS_ENGINE: 'wasm',
  };
  expect(resolveRequest({}, environment)).toEqual({
    backend: 'tfjs',
    device: 'cuda:2',
    kernels: 'framework',
    precision: 'bf16',
    threads: 3,
    tfjsEngine: 'wasm',
  });
  expect(resolveRequest({ device: 'auto', threads: 0, backend: 'native' }, environment)).toMatchObject({
    device: 'auto',
    threads: 0,
    backend: 'native',
  });
});

test.each([
  [{ device: 'gpu' }, 'device must be auto, cpu, cuda or cuda:N, got "gpu"'],
  [{ device: 'cuda:x' }, 'cuda:N'],
  [{ device: 0 }, 'cuda:N'],
  [{ backend: 'torch' }, 'backend must be one of auto, native, tfjs'],
  [{ kernels: 'fusedd' }, 'did you mean fused?'],
  [{ precision: 'fp16' }, 'precision must be one of'],
  [{ threads: -1 }, 'threads must be an integer from 0'],
  [{ tfjsEngine: 'webgl' }, 'tfjsEngine must be one of'],
])('options %p', async (request, message) => {
  const error = await failure(() => resolveRequest(request as never, {}));
  expect(error.code).toBe('ERR_ARG');
  expect(error.message).toContain(message);
});

test('a wrong variable is named', async () => {
  const error = await failure(() => resolveRequest({}, { FUSOR_THREADS: 'many' }));
  expect(error.message).toContain(
    'FUSOR_THREADS must be an integer from 0 to 1024, got "many" · environment',
  );
  expect((await failure(() => resolveRequest({}, { FUSOR_DEVICE: 'GPU' }))).message).toContain(
    'FUSOR_DEVICE',
  );
});
