// Fits at once on models of their own: each to the bit what it is alone.
//   node together.cjs ADDON KERNELS AT_ONCE STEPS     prints {fits, same, distinct}
const { plan, state, examples, span } = require('./calls.cjs');

const [addonFile, kernels, atOnce, steps] = process.argv.slice(2);
const addon = require(addonFile);

/** The bits of everything that training changes. */
async function train(seed) {
  const own = { ...plan(true), seed };
  const initial = state();
  for (const [p, values] of initial.weights.entries())
    values.set(values.map((_, i) => Math.sin(seed + 31 * p + i)));
  const session = new addon.Session(own, initial, { kernels, isa: 'auto', threads: 2 }, () => {});
  const data = session.upload(examples(true));
  const reports = [
    await session.run(0, data, span(Number(steps)), true),
    await session.run(1, data, { ...span(50), firstStep: Number(steps) }, false),
  ];
  const { weights, slots } = await session.readState();
  await session.dispose();
  return Buffer.concat(
    [...weights, ...slots.flat(), ...reports.map(({ losses }) => losses)].map((a) => Buffer.from(a.buffer)),
  ).toString('base64');
}

(async () => {
  const seeds = Array.from({ length: Number(atOnce) }, (_, i) => i + 1);
  const alone = [];
  for (const seed of seeds) alone.push(await train(seed));
  const together = await Promise.all(seeds.map(train));
  const same = together.filter((bits, i) => bits === alone[i]).length;
  console.log(JSON.stringify({ fits: seeds.length, same, distinct: new Set(alone).size }));
})();
