// node train-net.cjs {"device", "kernels", "precision", "widths": [4096, …], "batchSize", "steps"}: random rows; prints the
// last epoch's microseconds a step, its rows being on the device, what ran, and what was thrown, as JSON.
const { layers, ndarray, sequential } = require('../../dist/index.js');

async function main({ widths, batchSize, steps, ...where }) {
  const rows = steps * batchSize;
  const x = new Uint8Array(rows * widths[0]);
  for (let i = 0, state = 7; i < x.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    x[i] = state >>> 24;
  }
  const y = Int32Array.from({ length: rows }, (_, i) => i % widths.at(-1));
  const dense = widths.slice(1).map((units, i, all) =>
    layers.dense(units, {
      activation: i < all.length - 1 ? 'relu' : 'softmax',
    }),
  );
  const model = sequential([layers.rescaling(1 / 255, { inputShape: [widths[0]] }), ...dense]);
  model.compile({ optimizer: 'adam', loss: 'sparseCategoricalCrossentropy', backend: 'native', ...where });
  const data = ndarray(x, [rows, widths[0]]);
  const train = (options) => model.fit(data, y, { seed: 7, epochs: 1, ...options });
  try {
    let began = 0;
    let milliseconds = 0;
    const clock = {
      onEpochBegin: () => {
        began = performance.now();
      },
      onEpochEnd: () => {
        milliseconds = performance.now() - began;
      },
    };
    await train({ batchSize, epochs: 3, callbacks: [clock] });
    const { kernels, isa, device, deviceName, precision } = await model.runtime();
    return { stepMicroseconds: (milliseconds * 1000) / steps, kernels, isa, device, deviceName, precision };
  } catch (error) {
    // After lack of memory a smaller batch must go through, on the same model.
    const { code, message } = error;
    const after = await train({ batchSize: 256 }).then(
      () => 'trained',
      (second) => second.message,
    );
    return { code, message, after };
  }
}

main(JSON.parse(process.argv[2])).then((result) => console.log(JSON.stringify(result)));
