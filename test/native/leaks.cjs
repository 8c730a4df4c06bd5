// Whether memory grows where it must not, through the public API.
//   node --expose-gc leaks.cjs ADDON cycles COUNT     models made, trained and disposed of
//   node --expose-gc leaks.cjs ADDON soak COUNT       steps of one model, each a span of its own, with evaluation and prediction
// Prints {count, slope}: bytes of RSS a 1,000 cycles or steps, by least squares over all after the first fifth. Measured
// after a collection: V8 lets its heap grow for a long time before it looks what of it is in use.
// LEAK=bytes in the environment plants a leak a cycle or step: the control.
const path = require('node:path');
const fusor = require(path.join(__dirname, '../../dist/index.js'));

const [, mode, countText] = process.argv.slice(2);
const count = Number(countText);
const ROWS = 64;
const x = Float32Array.from({ length: ROWS * 8 }, (_, i) => Math.sin(i));
const y = Uint8Array.from({ length: ROWS }, (_, i) => i % 3);
const data = [fusor.ndarray(x, [ROWS, 8]), fusor.ndarray(y, [ROWS])];
const planted = [];
const plant = () => process.env.LEAK && planted.push(Buffer.alloc(Number(process.env.LEAK), 1));

function make() {
  const { layers } = fusor;
  const model = fusor.sequential([
    layers.dense(16, { activation: 'relu', inputShape: [8] }),
    layers.dense(3, { activation: 'softmax' }),
  ]);
  const loss = 'sparseCategoricalCrossentropy';
  model.compile({ optimizer: 'adam', loss, metrics: ['accuracy'], backend: 'native', quiet: true });
  return model;
}

/** Of [i, bytes], a 1,000. */
function slopeOf(points) {
  const mean = (index) => points.reduce((sum, point) => sum + point[index], 0) / points.length;
  const [mx, my] = [mean(0), mean(1)];
  const covariance = points.reduce((sum, [a, b]) => sum + (a - mx) * (b - my), 0);
  return (1000 * covariance) / points.reduce((sum, [a]) => sum + (a - mx) ** 2, 0);
}

const points = [];
function sample(i) {
  plant();
  if (i < count / 5 || i % (count / 100) !== 0) return;
  global.gc();
  points.push([i, process.memoryUsage.rss()]);
}

async function cycles() {
  for (let i = 0; i < count; i++) {
    const model = make();
    await model.fit(...data, { epochs: 1, batchSize: 16, seed: i, verbose: 0, validationSplit: 0.25 });
    await model.dispose();
    sample(i);
  }
}

async function soak() {
  const model = make();
  for (let i = 0; i < count; i += 100) {
    await model.fit(...data, {
      epochs: 25,
      batchSize: 16,
      seed: i,
      verbose: 0,
      callbacks: [{ everyBatches: 1, onBatchEnd: (batch) => sample(i + batch) }],
    });
    await model.evaluate(...data);
    await model.predict(data[0]);
  }
  await model.dispose();
}

(mode === 'cycles' ? cycles() : soak()).then(() =>
  console.log(JSON.stringify({ count, slope: slopeOf(points) })),
);
