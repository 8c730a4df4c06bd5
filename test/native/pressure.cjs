// Sessions that nobody disposes of, in a small heap: native memory is V8's to know and to free.
//   node --expose-gc --max-old-space-size=64 pressure.cjs ADDON SESSIONS
// Prints {made, freed, peak, late, deep, after}: peak: greatest RSS while sessions of 8 MiB are made and dropped; late: how
// calls from finalizers on a disposed session ended; deep: what calling at the end of the stack threw.
const { METHODS, plan, state, examples } = require('./calls.cjs');

const [addonFile, count] = process.argv.slice(2);
const addon = require(addonFile);
const MEGABYTES = 8;
const rows = (MEGABYTES * 2 ** 20) / 8;
const big = { ...examples(true), rows, x: new Uint8Array(rows * 4), y: new Int32Array(rows) };
const make = () =>
  new addon.Session(plan(true), state(), { kernels: 'fused', isa: 'auto', threads: 2 }, () => {});
const keeper = make();

const result = { made: 0, freed: 0, peak: 0, late: {} };
const other = make();
const registry = new FinalizationRegistry((name) => {
  result.freed++;
  try {
    other[name](...METHODS[name](1, true));
    result.late.fine = (result.late.fine ?? 0) + 1;
  } catch ({ code }) {
    result.late[code] = (result.late[code] ?? 0) + 1;
  }
});

(async () => {
  await other.dispose();
  const names = Object.keys(METHODS);
  for (let i = 0; i < Number(count); i++) {
    const session = make();
    registry.register(session, names[i % names.length]);
    session.run(...METHODS.run(session.upload(big)));
    result.made++;
    // Finalizers run between the turns of the loop. No gc() here: V8 has to see by itself that there is something to free.
    await new Promise((done) => setTimeout(done, 1));
    result.peak = Math.max(result.peak, process.memoryUsage.rss());
  }
  for (let i = 0; i < 200 && result.freed < result.made; i++) {
    global.gc();
    await new Promise((done) => setTimeout(done, 5));
  }
  // Handles alive at once.
  const handles = Array.from({ length: 20_000 }, () => keeper.upload(examples(true)));
  for (const handle of handles) keeper.release(handle);
  // At the end of the stack.
  const deep = () => {
    keeper.describe();
    deep();
  };
  try {
    deep();
  } catch (error) {
    result.deep = error.constructor.name;
  }
  result.after = keeper.describe().kernels;
  console.log(JSON.stringify(result));
})();
