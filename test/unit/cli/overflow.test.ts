/** Answers that overflow float32: no numbers that JSON has. */
import { serveModel } from '../../../src/cli/serve/server';
import { layers } from '../../../src/index';
import { referenceModel } from '../../support/models';

test('of a server are refused, with their row', async () => {
  const model = referenceModel([layers.dense(1, { inputShape: [2] })], null);
  const [kernel, bias] = await model.getWeights();
  await model.setWeights([{ ...kernel, data: kernel.data.map(() => 2) }, bias]);
  const wanted = { inputShape: [2], missing: 'error' } as const;
  const served = await serveModel({ model, name: 'sum', wanted, resources: {} }, '127.0.0.1', 0);
  try {
    const ask = async (instances: number[][]) => {
      const response = await fetch(`${served.address}/v1/models/sum:predict`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ instances }),
      });
      return [response.status, await response.json()];
    };
    expect(await ask([[1, 2]])).toEqual([200, { predictions: [[6]] }]);
    expect(
      await ask([
        [1, 2],
        [3e38, 3e38],
      ]),
    ).toEqual([400, { error: expect.stringContaining("the model's answer is Infinity · row 2 · ") }]);
  } finally {
    served.server.close();
    served.server.closeAllConnections();
  }
});
