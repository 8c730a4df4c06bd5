// Ends a process while a session trains.
//   node exits.cjs ADDON HOW MILLISECONDS KERNELS    HOW: a key of ENDS; MILLISECONDS: after which it ends
const { Worker, isMainThread, parentPort, workerData } = require('node:worker_threads');
const { plan, state, span } = require('./calls.cjs');

const [addonFile, how, milliseconds, kernels] = isMainThread ? process.argv.slice(2) : workerData;
const addon = require(addonFile);
const ROWS = 2000;

/** A span of `steps` steps under way: in a kernel nearly all of the time. */
function train(steps, onProgress = () => {}) {
  const wide = { ...plan(true), features: 784, layers: [dense('a', 784, 128), dense('b', 128, 3)] };
  const parameters = () => [784 * 128, 128, 128 * 3, 3].map((n) => new Float32Array(n));
  const zero = { ...state(), weights: parameters(), slots: [parameters(), parameters()] };
  const session = new addon.Session(wide, zero, { kernels, isa: 'auto', threads: 2 }, onProgress);
  const x = new Uint8Array(ROWS * 784).map((_, i) => i);
  const data = session.upload({ rows: ROWS, x, y: new Int32Array(ROWS) });
  return { session, running: session.run(0, data, span(steps), true) };
}

function dense(name, inputs, outputs) {
  return { kind: 'dense', name, inputs, outputs, useBias: true, activation: 'relu' };
}

const LONG = 10_000_000;
const soon = (work) => setTimeout(work, Number(milliseconds));
const bang = () => {
  throw new Error('bang');
};

const ENDS = {
  natural: () => train(50).running.then(() => console.log('trained')),
  'not awaited': () => void train(50),
  'disposed and not awaited': () => void train(LONG).session.dispose(),
  'exit in a callback': () => train(LONG, () => process.exit(7)),
  'exit from a timer': () => {
    train(LONG);
    soon(() => process.exit(7));
  },
  'throw in a callback': () => train(LONG, bang),
  'throw from a timer': () => {
    train(LONG);
    soon(bang);
  },
  'unhandled rejection': () => {
    train(LONG);
    soon(() => Promise.reject(new Error('bang')));
  },
  SIGTERM: () => {
    train(LONG);
    soon(() => process.kill(process.pid, 'SIGTERM'));
  },
  'exit with a session in a global': () => {
    globalThis.kept = train(LONG);
    soon(() => process.exit(7));
  },
  'worker terminated': () => {
    const worker = new Worker(__filename, { workerData: [addonFile, 'in a worker', milliseconds, kernels] });
    worker.on('message', () => soon(() => worker.terminate()));
  },
  'exit while a worker trains': () => {
    const worker = new Worker(__filename, { workerData: [addonFile, 'in a worker', milliseconds, kernels] });
    worker.on('message', () => soon(() => process.exit(7)));
  },
  'in a worker': () => {
    train(LONG);
    parentPort.postMessage('training');
  },
};

ENDS[how]();
