// Worker threads that train, some terminated at random.
//   node workers.cjs ADDON SEED ROUNDS     a round: 8 threads, 20 fits each, half of the threads terminated on the way
// Prints {fits, terminated, wrong, rss}: rss in bytes after each round.
const { Worker, isMainThread, parentPort, workerData } = require('node:worker_threads');
const { METHODS, plan, state, examples, span } = require('./calls.cjs');
const { generator } = require('./values.cjs');

const THREADS = 8;
const FITS = 20;

async function trainHere() {
  const addon = require(workerData);
  for (let i = 0; i < FITS; i++) {
    const kernels = i % 4 === 3 ? 'framework' : 'fused';
    const session = new addon.Session(plan(true), state(), { kernels, isa: 'auto', threads: 2 }, () => {});
    const data = session.upload(examples(true));
    const { stepsDone } = await session.run(i, data, span(200), true);
    const accuracy = await session.evaluate(...METHODS.evaluate(data));
    if (stepsDone !== 200 || !Number.isFinite(accuracy.loss))
      throw new Error(`fit ${i} did ${stepsDone} steps`);
    // Now and then it is left to the collector, or to the end of the thread.
    if (i % 3 > 0) await session.dispose();
    parentPort.postMessage('fit');
  }
}

async function main([addonFile, seed, rounds]) {
  const { below } = generator(Number(seed));
  const result = { fits: 0, terminated: 0, wrong: [], rss: [] };
  for (let round = 0; round < Number(rounds); round++) {
    const workers = Array.from({ length: THREADS }, (_, i) => {
      const worker = new Worker(__filename, { workerData: addonFile });
      const endAfter = i % 2 ? below(FITS) : FITS + 1;
      let fits = 0;
      return new Promise((done) => {
        let killed = false;
        const kill = () => {
          killed = true;
          worker.terminate();
        };
        worker.on('message', () => {
          result.fits++;
          if (++fits === endAfter) setTimeout(kill, below(10));
        });
        if (endAfter === 0) setTimeout(kill, below(400));
        worker.on('error', (error) => result.wrong.push(String(error.stack)));
        worker.on('exit', (code) => {
          if (killed) result.terminated++;
          else if (code !== 0 || fits !== FITS)
            result.wrong.push(`a worker ended with ${code} after ${fits} fits`);
          done();
        });
      });
    });
    await Promise.all(workers);
    result.rss.push(process.memoryUsage.rss());
  }
  console.log(JSON.stringify(result));
}

if (isMainThread) main(process.argv.slice(2));
else trainHere();
