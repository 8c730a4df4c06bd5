/** What a dashboard costs the training that it shows, in the processor's time: no other process changes that. */
import { get } from 'node:http';
import { Dashboard } from '../../../src/cli/dashboard/dashboard';
import { Interrupted } from '../../../src/cli/interrupt';
import type { TrainingContext } from '../../../src/index';

const EVERY = 500; // milliseconds between two points
const facts = () => ({ title: 'a training', ranOn: 'here', seed: 7, batchSize: 32, folder: 'runs/a' });
const history = { epoch: [], history: {}, timing: { steps: 1, stepMicroseconds: 1, fitSeconds: 1 } };
const context = {
  epochs: 10,
  batch: 1500,
  batches: 1500,
  stepMicroseconds: 80,
  logNames: ['loss', 'accuracy', 'valLoss', 'valAccuracy'],
  accuracyNames: ['accuracy', 'valAccuracy'],
  history,
} as never as TrainingContext;
const turn = () => new Promise((done) => setTimeout(done, 1));

/** What a page hears, as it comes. */
function listen(address: string): Promise<() => string> {
  const url = new URL(/http:\S+/.exec(address)![0]);
  let heard = '';
  return new Promise((open) => {
    get({ host: url.hostname, port: url.port, path: `/events${url.search}` }, (response) => {
      response.setEncoding('utf8').on('data', (text) => {
        heard += text;
        open(() => heard);
      });
    });
  });
}

/** A dashboard with a page that listens, and a clock of its own. */
async function watched(
  work: (told: Dashboard, clock: { now: number }, heard: () => string, address: string) => Promise<void>,
  begun = context,
) {
  const clock = { now: 1000 };
  const spy = jest.spyOn(performance, 'now').mockImplementation(() => clock.now);
  let address = '';
  const dashboard = new Dashboard(facts, (text) => {
    address += text;
  });
  try {
    await dashboard.onTrainBegin(begun);
    const heard = await listen(address);
    dashboard.onEpochBegin();
    await work(dashboard, clock, heard, address);
  } finally {
    dashboard.onTrainEnd({}, begun);
    spy.mockRestore();
  }
}

const progress = (batch: number) => ({
  epoch: 0,
  batch,
  batches: 1500,
  logs: { loss: 1 / batch, accuracy: 0.9 },
});

test('a point takes less than 1 % of the time until the next, and between two nothing is told', async () => {
  await watched(async (dashboard, clock, heard) => {
    const points = 1000;
    const before = process.cpuUsage();
    for (let i = 1; i <= points; i++) {
      clock.now += EVERY;
      dashboard.onProgress(progress(i));
      // The page here reads, too: more than a training pays.
      if (i % 10 === 0) await turn();
    }
    const { user, system } = process.cpuUsage(before);
    expect((user + system) / 1000 / points / EVERY).toBeLessThan(0.01);
    const told = () => heard().match(/^event: point$/gm)?.length ?? 0;
    while (told() < points) await turn();
    for (let i = 1; i <= 100; i++) dashboard.onProgress(progress(1000 + i));
    for (let i = 0; i < 20; i++) await turn();
    expect(told()).toBe(points);
  });
});

test("a step's time is from one moment to the next; an epoch's is the training's own, without validation", async () => {
  await watched(async (dashboard, clock, heard) => {
    // A second until the first step: compiling, uploading, whatever an epoch begins with.
    clock.now += 1000;
    dashboard.onProgress(progress(1));
    clock.now += 500;
    dashboard.onProgress(progress(1001));
    clock.now += 3000;
    dashboard.onEpochEnd(0, { loss: 1, valLoss: 2 }, context);
    while (!heard().includes('event: epoch')) await turn();
    const points = [...heard().matchAll(/^event: point\ndata: (.*)$/gm)].map(([, data]) => JSON.parse(data));
    expect(points.map(({ stepMicroseconds }) => stepMicroseconds)).toEqual([null, 500, 80]);
    expect(points.map(({ at }) => at)).toEqual([1 / 1500, 1001 / 1500, 1]);
    expect(points[1].rowsPerSecond).toBe(64_000);
  });
});

const told = (heard: string, event: string) =>
  [...heard.matchAll(/^event: (\w+)\ndata: (.*)$/gm)]
    .filter(([, name]) => name === event)
    .map(([, , data]) => JSON.parse(data));

test('values have their own metric; what a few batches come to is not drawn', async () => {
  const values = { ...context, logNames: ['loss', 'mae', 'valLoss', 'valMae'], accuracyNames: [] };
  await watched(async (dashboard, clock, heard) => {
    for (const batch of [1, 1000]) {
      clock.now += EVERY;
      dashboard.onProgress({ ...progress(batch), logs: { loss: 4, mae: 2 } });
    }
    while (told(heard(), 'point').length < 2) await turn();
    expect(told(heard(), 'all')[0]).toMatchObject({
      measure: { name: 'mae', isShare: false },
      validates: true,
    });
    expect(told(heard(), 'point').map(({ logs }) => logs)).toEqual([{}, { loss: 4, mae: 2 }]);
  }, values);
});

test('how it ended is said, also to a page that comes afterwards', async () => {
  await watched(async (dashboard, _, heard, address) => {
    for (const [epoch, valLoss] of [0.5, 0.25, 0.75].entries())
      dashboard.onEpochEnd(epoch, { loss: 1, valLoss }, context);
    const early = { ...context, history: { ...history, epoch: [0, 1, 2], stopped: 'callback' } };
    dashboard.onTrainEnd({}, early as never);
    while (told(heard(), 'end').length === 0) await turn();
    const [end] = told(heard(), 'end');
    expect(end.how).toBe('done');
    expect(end.text).toMatch(
      /^stopped early, after 3 of 10 epochs, the validation loss was least, 0\.2500, in epoch 2: 1 steps/,
    );
    expect(told((await listen(address))(), 'all')[0].end).toEqual(end);
  });
});

test('a failure is one', async () => {
  await watched(async (dashboard, _, heard) => {
    dashboard.onTrainError(new Error('the loss became NaN'));
    while (told(heard(), 'end').length === 0) await turn();
    expect(told(heard(), 'end')).toEqual([{ text: 'ended: the loss became NaN', how: 'failed' }]);
  });
});

test('an interruption is no failure', async () => {
  await watched(async (dashboard, _, heard) => {
    dashboard.onEpochEnd(0, { loss: 1, valLoss: 2 }, context);
    dashboard.onTrainError(new Interrupted('SIGINT'));
    while (told(heard(), 'end').length === 0) await turn();
    const text = 'interrupted by SIGINT, after 1 of 10 epochs';
    expect(told(heard(), 'end')).toEqual([{ text, how: 'interrupted' }]);
  });
});
