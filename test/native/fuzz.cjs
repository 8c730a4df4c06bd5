// Calls every function of an addon with everything that JavaScript has.
//   node fuzz.cjs ADDON SEED CALLS LAST    LAST: a file that names the call at hand, for the one that kills the process
// Ends with one JSON line: how many calls ended how; exit status 1 where one ended in a way that it must not.
const { closeSync, openSync, writeSync } = require('node:fs');
const { METHODS, plan, state, examples, spoil } = require('./calls.cjs');
const { generator, kindsOf, thrown } = require('./values.cjs');

const [addonFile, seedText, callsText, lastFile] = process.argv.slice(2);
const addon = require(addonFile);
const random = generator(Number(seedText));
const { below, pick } = random;
const kinds = kindsOf(random);
const last = openSync(lastFile, 'w');

const outcomes = {};
const wrong = [];
const GOOD_CODES = ['ERR_NATIVE_ARG', 'ERR_STATE', 'ERR_BACKEND_UNAVAILABLE'];
let now = '';

/** V8's own errors: a method called on what is no session, a class called as a function, a revoked proxy. */
const V8 =
  /^(Illegal invocation|Class constructors cannot be invoked without 'new'|Cannot perform 'get' on a proxy)/;

function note(error, call) {
  const { code, message } = error;
  const name = code ?? (error === thrown ? 'thrown by a getter' : (V8.exec(message)?.[0] ?? 'another error'));
  outcomes[name] = (outcomes[name] ?? 0) + 1;
  if (code ? !GOOD_CODES.includes(code) : name === 'another error') wrong.push(`${call}: ${error.stack}`);
}

function attempt(call, f) {
  now = call;
  writeSync(last, call.padEnd(400).slice(0, 400), 0);
  try {
    const result = f();
    outcomes.returned = (outcomes.returned ?? 0) + 1;
    if (result instanceof Promise)
      return result.then(
        () => {},
        (error) => note(error, call),
      );
    return result;
  } catch (error) {
    note(error, call);
  }
}

const KERNEL_JOB = {
  op: 'forward',
  batch: 2,
  inputs: 3,
  units: 4,
  threads: 1,
  density: 0.5,
  variants: ['fused'],
  warmup: 0,
  repetitions: 1,
};

const pool = [];
function makeSession() {
  const labels = below(2) === 0;
  const options = { kernels: pick(['fused', 'fused', 'framework']), isa: 'auto', threads: 1 + below(2) };
  const session = new addon.Session(plan(labels), state(), options, () => {});
  const data = session.upload(examples(labels));
  return { session, data, labels, disposed: false };
}

/** Any value; or one that acts on the sessions while it is being read. */
function anything() {
  if (below(12) === 0) {
    const victim = pick(pool);
    const names = ['layers', 'x', 'order', 'step', 'weights', 'kind', 'batchSize', 'y', 'rows', 'features'];
    const act = pick(['dispose', 'upload', 'release', 'run', 'readState', 'abort']);
    const get = () => {
      const promise = victim.session[act](...METHODS[act](victim.data, victim.labels));
      if (act === 'dispose') victim.disposed = true;
      promise?.catch?.((error) => note(error, `${now}, in a getter: ${act}`));
    };
    return ['acting getter', Object.defineProperty({ ...examples(true) }, pick(names), { get })];
  }
  const [kind, make] = pick(kinds);
  return [kind, make()];
}

/** @returns {[kinds: string, values: unknown[]]} mostly valid arguments with one place spoilt; else any, 0 to 12 */
function argumentsFor(valid) {
  if (valid.length > 0 && below(3) > 0) {
    let spoilt = 'as it should be';
    const at = below(valid.length);
    const value = spoil(valid[at], random, (part) => {
      const [kind, other] = below(8) === 0 ? ['as it should be', part] : anything();
      spoilt = kind;
      return other;
    });
    return [`…, argument ${at} spoilt by ${spoilt}`, valid.with(at, value)];
  }
  const drawn = Array.from({ length: below(13) }, anything);
  return [drawn.map(([kind]) => kind).join(', '), drawn.map(([, value]) => value)];
}

/** A function of the addon, `this` and arguments, as [how it reads, the call]. */
function nextCall() {
  const what = below(20);
  if (what === 0) {
    const [text, values] = argumentsFor([]);
    return [`info(${text})`, () => addon.info(...values)];
  }
  if (what < 5) {
    const [text, values] = argumentsFor([
      plan(true),
      state(),
      { kernels: 'auto', isa: 'auto', threads: 1 },
      () => {},
    ]);
    if (what === 1) return [`Session(${text})`, () => addon.Session(...values)];
    return [`new Session(${text})`, () => void new addon.Session(...values)];
  }
  if (what === 6 && below(20) === 0) {
    const [text, values] = argumentsFor([KERNEL_JOB]);
    return [`benchKernel(${text})`, () => void addon.benchKernel(...values)];
  }
  if (what === 6 && below(2) === 0) {
    const [text, values] = argumentsFor([]);
    // A number would have it measure for seconds.
    if (typeof values[0] !== 'number') return [`ceilings(${text})`, () => void addon.ceilings(...values)];
  }
  const entry = pick(pool);
  const name = pick(Object.keys(METHODS));
  // A disposed session stays a while: it has to refuse.
  if (name === 'dispose' && below(6) > 0) return ['info()', () => addon.info()];
  const [text, values] = argumentsFor(METHODS[name](entry.data, entry.labels));
  if (what === 5) {
    const [kind, self] = anything();
    return [`${name}(${text}) this: ${kind}`, () => addon.Session.prototype[name].apply(self, values)];
  }
  if (name === 'dispose') entry.disposed = true;
  return [`${name}(${text})`, () => entry.session[name](...values)];
}

(async () => {
  const calls = Number(callsText);
  const pending = new Set();
  for (let i = 0; i < calls; i++) {
    while (pool.length < 4) pool.push(makeSession());
    const [text, call] = nextCall();
    const promise = attempt(`seed ${seedText}, call ${i}: ${text}`, call);
    if (promise instanceof Promise) {
      pending.add(promise);
      promise.finally(() => pending.delete(promise));
    }
    if (i % 50 === 49) await (below(2) ? new Promise(setImmediate) : Promise.all(pending));
    const gone = pool.findIndex((entry) => entry.disposed || below(400) === 0);
    if (gone >= 0 && below(8) === 0) pool.splice(gone, 1);
  }
  await Promise.all(pending);
  closeSync(last);
  console.log(JSON.stringify({ calls, outcomes, wrong: wrong.slice(0, 20) }));
  process.exitCode = wrong.length > 0 ? 1 : 0;
})();
