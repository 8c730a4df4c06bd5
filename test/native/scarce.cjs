// Results for which there is no memory: a session of 80 MB of weights in an address space that has no room for as much twice.
//   node scarce.cjs ADDON
// Prints {told, after}: how readState ended, and again once there was room.
const { execFileSync } = require('node:child_process');
const { readFileSync } = require('node:fs');

const addon = require(process.argv[2]);
const UNITS = 20e6;
const layer = {
  kind: 'dense',
  name: 'dense',
  inputs: 1,
  outputs: UNITS,
  useBias: false,
  activation: 'linear',
};
const plan = {
  features: 1,
  outputs: UNITS,
  layers: [layer],
  output: 'linear',
  targets: 'values',
  loss: { kind: 'meanSquaredError' },
  optimizer: { kind: 'sgd', momentum: 0, nesterov: false },
  metrics: [],
  seed: 1,
};
const state = { step: 0, weights: [new Float32Array(UNITS)], slots: [] };
const session = new addon.Session(plan, state, { kernels: 'fused', isa: 'auto', threads: 1 }, () => {});

const limit = (bytes) => execFileSync('prlimit', ['--pid', process.pid, `--as=${bytes}:unlimited`]);
const used = () => 1024 * Number(/VmSize:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1]);
const read = () =>
  session.readState().then(
    ({ weights }) => weights[0].length,
    ({ code }) => code,
  );

/** Once nobody takes memory or gives any back. */
async function settled() {
  for (let before = 0; before !== used(); ) {
    before = used();
    await new Promise((done) => setTimeout(done, 50));
  }
}

(async () => {
  await session.start();
  await settled();
  limit(Math.floor(used() + 1.4 * 4 * UNITS));
  const told = await read();
  limit('unlimited');
  // Looked at here, or what was handed over would be garbage, and room.
  const after = state.weights[0].length === UNITS && (await read());
  console.log(JSON.stringify({ told, after }));
})();
