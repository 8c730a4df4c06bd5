// node try-target.cjs native|tfjs REQUEST: opens the backend, trains nothing, prints {isa} or {reason} as JSON.
const { existsSync } = require('node:fs');
const { join } = require('node:path');

const [, , provider, request] = process.argv;
const modulePath = join(__dirname, '../../dist/backend', provider, 'provider.js');

async function tryTarget() {
  if (!existsSync(modulePath)) return { reason: `dist/backend/${provider} is not built` };
  try {
    const backend = await require(modulePath).provider.open(JSON.parse(request));
    const layer = { kind: 'dense', name: 'd', inputs: 16, outputs: 16, useBias: true, activation: 'relu' };
    const plan = {
      features: 16,
      outputs: 16,
      layers: [layer],
      output: 'linear',
      targets: 'values',
      loss: { kind: 'meanSquaredError' },
      optimizer: { kind: 'sgd', momentum: 0, nesterov: false },
      metrics: [],
      seed: 0,
    };
    const weights = [new Float32Array(256), new Float32Array(16)];
    const session = await backend.createSession(plan, { step: 0, weights, slots: [] });
    const { isa } = session.description;
    await session.dispose();
    return { isa };
  } catch (error) {
    return { reason: error.message };
  }
}

tryTarget().then((answer) => console.log(JSON.stringify(answer)));
