// Rows in shared memory are read where they lie: whether they are there as long as they are read, and gone afterwards.
//   node --expose-gc lent.cjs ADDON
// Prints, of each way, whether the memory is there while it must be, and whether it is gone in the end.
const { plan, state, span } = require('./calls.cjs');

const addon = require(process.argv[2]);
const ROWS = 100_000;
const STEPS = 100_000;
let token = 1;

const session = (kernels) =>
  new addon.Session(plan(true), state(), { kernels, isa: 'auto', threads: 2 }, () => {});
/** Examples, and whether somebody still has the memory of x. */
function lent() {
  const x = new Uint8Array(new SharedArrayBuffer(ROWS * 4)).fill(7);
  const memory = new WeakRef(x.buffer);
  return {
    examples: { rows: ROWS, x, y: new Int32Array(ROWS) },
    isThere: () => memory.deref() !== undefined,
  };
}
const collected = async () => {
  for (let i = 0; i < 5; i++) {
    await new Promise((done) => setTimeout(done, 5));
    global.gc();
  }
};
/** In a function of its own: what is on its stack is gone after it. */
function uploaded(its) {
  const { examples, isThere } = lent();
  return { data: its.upload(examples), isThere };
}

const WAYS = {
  async released(its) {
    const { data, isThere } = uploaded(its);
    await collected();
    const before = isThere();
    its.release(data);
    await collected();
    return [before, isThere()];
  },
  async 'released while it is read'(its) {
    const { data, isThere } = uploaded(its);
    const running = its.run(token, data, span(STEPS), false);
    its.release(data);
    await collected();
    const before = isThere();
    its.abort(token++);
    const { stepsDone } = await running;
    if (stepsDone === STEPS) throw new Error('it had no time to be read');
    await collected();
    return [before, isThere()];
  },
  async predicted(its) {
    const { data } = uploaded(its);
    const running = its.run(token, data, span(STEPS), false);
    let predicted;
    const isThere = (() => {
      const rows = lent();
      predicted = its.predict(rows.examples.x);
      return rows.isThere;
    })();
    await collected();
    const before = isThere();
    its.abort(token++);
    await Promise.all([running, predicted]);
    predicted = undefined;
    await collected();
    return [before, isThere()];
  },
  async disposed(its) {
    const { data, isThere } = uploaded(its);
    const running = its.run(token, data, span(STEPS), false);
    const disposed = its.dispose();
    const before = isThere();
    await Promise.all([running, disposed]);
    await collected();
    return [before, isThere()];
  },
  async 'forgotten with its session'() {
    const { isThere } = uploaded(session('fused'));
    const before = isThere();
    await collected();
    return [before, isThere()];
  },
};

(async () => {
  const result = {};
  for (const kernels of ['fused', 'framework'])
    for (const [name, way] of Object.entries(WAYS)) {
      const [before, after] = await way(session(kernels));
      result[`${name}, ${kernels}`] = { before, after };
    }
  console.log(JSON.stringify(result));
})();
