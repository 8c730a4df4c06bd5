// Every kind of C++ exception at every place where the addon runs code of ours: fault points of the test build.
//   node --expose-gc faults.cjs ADDON     prints what each came to, as JSON
//   node faults.cjs ADDON once KIND       with KIND, a planted bug, in one call; the rest of the session's life is as ever
//   node faults.cjs ADDON cleanup KIND [worker]   ends with KIND in the cleanup hook of this thread or of another
const { Worker, isMainThread, workerData } = require('node:worker_threads');
const { METHODS, plan, state, examples } = require('./calls.cjs');

const [addonFile, mode, kind, where] = isMainThread ? process.argv.slice(2) : workerData;
const addon = require(addonFile);
const KINDS = ['bad_alloc', 'c10', 'runtime_error', 'exception', 'failure', 'int'];
const settled = (promise) =>
  promise.then(
    () => 'fine',
    (error) => `${error.code}: ${error.message}`,
  );

function make() {
  const session = new addon.Session(
    plan(true),
    state(),
    { kernels: 'fused', isa: 'auto', threads: 2 },
    () => {},
  );
  return { session, data: session.upload(examples(true)) };
}

const outcome = (work) => {
  try {
    return work();
  } catch (error) {
    return `${error.code}: ${error.message}`;
  }
};

/** What each method comes to, by name, with the fault on; and whether the session works when it is off. */
async function tryMethods(place, kind) {
  const results = {};
  for (const name of Object.keys(METHODS)) {
    const { session, data } = make();
    addon.fault(place, kind);
    const result = outcome(() => session[name](...METHODS[name](data, true)));
    results[name] =
      result instanceof Promise ? await settled(result) : typeof result === 'string' ? result : 'fine';
    addon.fault('', '');
    if (name !== 'dispose') {
      results[`${name}, then run`] = await settled(
        session.run(...METHODS.run(session.upload(examples(true)))),
      );
      await session.dispose();
    }
  }
  return results;
}

/** Ends of sessions that nobody disposed of. */
async function tryFinalizer(kind) {
  let gone = 0;
  const registry = new FinalizationRegistry(() => gone++);
  addon.fault('finalizer', kind);
  for (let i = 0; i < 3; i++) registry.register(make().session, i);
  for (let i = 0; i < 200 && gone < 3; i++) {
    global.gc();
    await new Promise((done) => setTimeout(done, 5));
  }
  addon.fault('', '');
  return gone;
}

async function tryAll() {
  const all = {};
  for (const kind of KINDS) {
    const results = { entry: await tryMethods('entry', kind), job: await tryMethods('job', kind) };
    results.settle = await tryMethods('settle', kind);
    results.emit = await tryMethods('emit', kind);
    addon.fault('construct', kind);
    results.construct = { new: outcome(() => typeof make()) };
    results.finalizer = { gone: await tryFinalizer(kind) };
    all[kind] = results;
  }
  console.log(JSON.stringify(all));
}

async function once() {
  const { session, data } = make();
  if (kind !== 'nothing') addon.fault('entry', kind);
  session.describe();
  addon.fault('', '');
  await session.run(...METHODS.run(data));
  await session.dispose();
}

if (mode === undefined) {
  tryAll();
} else if (mode === 'once') {
  once();
} else if (where === 'worker' && isMainThread) {
  new Worker(__filename, { workerData: [addonFile, mode, kind, where] }).on('exit', (code) =>
    console.log(code),
  );
} else {
  const { session, data } = make();
  session.run(...METHODS.run(data)).then(() => addon.fault('cleanup', kind));
}
