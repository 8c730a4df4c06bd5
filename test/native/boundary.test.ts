/** The edge between JavaScript and C++: whatever comes, no process dies. The long forms are in test/long/boundary.test.ts. */
import { join } from 'node:path';
import { figure } from '../support/figures';
import { temporaryFolder } from '../support/script';
import { describeUnless } from '../support/skip';
import { ENDS, endsOtherwise } from './ends';
import { obstacle, program, resultOf } from './program';

// Children start slowly on a busy machine.
jest.setTimeout(300_000);

describeUnless(obstacle)('the addon', () => {
  const scratch = temporaryFolder();

  test('fuzz: every function, arguments of every type', async () => {
    const calls = 20_000;
    const { wrong, outcomes } = resultOf(await program('fuzz', [1, calls, join(scratch, 'last')]));
    expect(wrong).toEqual([]);
    // It got past the door, too.
    expect(outcomes.returned).toBeGreaterThan(calls / 10);
    figure('calls of the addon fuzzed', calls);
  });

  const TOLD = {
    bad_alloc: 'ERR_OUT_OF_MEMORY: out of memory · native backend · use a smaller batch or model',
    c10: 'ERR_NATIVE: planted c10::Error',
    runtime_error: 'ERR_NATIVE: planted std::runtime_error',
    exception: 'ERR_NATIVE: std::exception',
    failure: 'ERR_STATE: planted Failure',
    int: 'ERR_NATIVE: an exception of unknown type',
  };
  const SYNCHRONOUS = ['describe', 'upload', 'release', 'abort'];
  const ASYNCHRONOUS = ['start', 'run', 'evaluate', 'predict', 'readState', 'writeState', 'dispose'];
  const METHODS = [...SYNCHRONOUS, ...ASYNCHRONOUS];

  test('C++ exceptions of every kind become JavaScript errors, wherever they are thrown', async () => {
    const ended = await program('faults', [], { node: ['--expose-gc'] });
    const all = resultOf(ended);
    for (const [kind, message] of Object.entries(TOLD)) {
      const { entry, job, settle, emit, construct, finalizer } = all[kind];
      const of = (results: Record<string, string>, names: string[]) => names.map((name) => results[name]);
      expect(of(entry, METHODS)).toEqual(METHODS.map(() => message));
      for (const results of [job, settle]) {
        expect(of(results, ASYNCHRONOUS)).toEqual(ASYNCHRONOUS.map(() => message));
        expect(of(results, SYNCHRONOUS)).toEqual(SYNCHRONOUS.map(() => 'fine'));
      }
      // Progress that cannot be told is lost; the work goes on.
      expect(of(emit, METHODS)).toEqual(METHODS.map(() => 'fine'));
      expect(ended.stderr).toContain(`fusor: ${message} · progress`);
      expect(construct).toEqual({ new: message });
      expect(finalizer).toEqual({ gone: 3 });
      expect(ended.stderr).toContain(`fusor: ${message} · while a session was freed`);
      for (const results of [entry, job, settle, emit]) {
        const after = Object.keys(results).filter((name) => name.endsWith('then run'));
        expect(of(results, after)).toEqual(METHODS.slice(1).map(() => 'fine'));
      }
      figure('C++ exceptions thrown inside the addon', METHODS.length + 2 * ASYNCHRONOUS.length + 1 + 1 + 3);
    }
  });

  test.each(Object.entries(TOLD))(
    '%s in the cleanup hook of a process and of a thread',
    async (kind, message) => {
      for (const where of [[], ['worker']]) {
        const { status, stderr } = await program('faults', ['cleanup', kind, ...where]);
        expect({ status, stderr }).toEqual({ status: 0, stderr: `fusor: ${message} · at exit\n` });
        figure('C++ exceptions thrown inside the addon');
      }
    },
  );

  test('a result for which there is no memory is an error, and the session lives on', async () => {
    expect(resultOf(await program('scarce', []))).toEqual({ told: 'ERR_OUT_OF_MEMORY', after: 20e6 });
  });

  test.each(ENDS)('a process ends while training: %s', async (...end) => {
    expect(await endsOtherwise(end, 2)).toEqual([]);
  });

  test('worker threads train and are terminated at random', async () => {
    const { fits, terminated, wrong } = resultOf(await program('workers', [1, 1]));
    expect(wrong).toEqual([]);
    expect(fits).toBeGreaterThan(4 * 20);
    figure('fits in worker threads', fits);
    figure('worker threads terminated', terminated);
  });

  test.each(['fused', 'framework'])(
    '4 fits at once are what each is alone, bit for bit: %s',
    async (kernels) => {
      const steps = kernels === 'fused' ? 4000 : 200;
      const result = resultOf(await program('together', [kernels, 4, steps]));
      expect(result).toEqual({ fits: 4, same: 4, distinct: 4 });
    },
  );

  test('in a heap of 64 MB, dropped sessions are freed; late and deep calls do no harm', async () => {
    const sessions = 100;
    const node = ['--expose-gc', '--max-old-space-size=64'];
    const result = resultOf(await program('pressure', [sessions], { node }));
    expect(result).toMatchObject({ made: sessions, deep: 'RangeError', after: 'fused' });
    // A reference on the stack may keep the last.
    expect(result.freed).toBeGreaterThanOrEqual(sessions - 2);
    expect(result.peak).toBeLessThan(700 * 2 ** 20);
    expect(Object.keys(result.late).sort()).toEqual(['ERR_STATE', 'fine']);
  });
});
