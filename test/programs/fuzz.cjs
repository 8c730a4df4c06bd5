// Feeds a reader with files that are damaged at random, for as many as it is told to.
//   node test/programs/fuzz.cjs FORMAT COUNT SEED
// Prints one line of JSON: what was tried, how much was accepted, the slowest, and the growth of memory. Ends with 1, and
// the input as base64, when a reader throws anything but an error of its family or takes more than two seconds.
const { setImmediate: nextTurn } = require('node:timers/promises');
const { mutator } = require('./mutate.cjs');
const { FORMATS } = require('./fuzz-formats.cjs');
const { exitStatusOf } = require('../../dist/errors.js');

/** Data, model or file: what a damaged file may end with. */
const STATUSES = [3, 4, 6];
const MOST_MILLISECONDS = 2000;

async function main([format, count, seed]) {
  const { seeds, read, close } = await FORMATS[format]();
  const mutate = mutator(Number(seed));
  const result = { format, tried: 0, accepted: 0, slowestMilliseconds: 0, memoryMiB: 0 };
  let baseline = 0;
  for (; result.tried < Number(count); result.tried++) {
    const input = mutate(seeds[result.tried % seeds.length]);
    const began = process.cpuUsage();
    try {
      await read(input);
      result.accepted++;
    } catch (error) {
      if (!STATUSES.includes(exitStatusOf(error)) || error.message.includes('\n')) fail(result, input, error);
    }
    // Of the processor: on a busy machine any input may wait. One that waits for ever is ended by who started this.
    const { user, system } = process.cpuUsage(began);
    const took = (user + system) / 1000;
    result.slowestMilliseconds = Math.max(result.slowestMilliseconds, took);
    if (took > MOST_MILLISECONDS) fail(result, input, new Error(`it took ${took} ms`));
    if (result.tried % 500 !== 0) continue;
    // What zlib has failed on is let go in a later turn.
    await nextTurn();
    const { rss } = process.memoryUsage();
    // The first inputs warm up the compiler and the heap.
    if (result.tried <= 2000) baseline = rss;
    result.memoryMiB = Math.max(result.memoryMiB, (rss - baseline) / 2 ** 20);
  }
  await close?.();
  console.log(JSON.stringify(result));
}

function fail(result, input, error) {
  console.error(
    `${result.format}, input ${result.tried}: ${error.stack}\n${Buffer.from(input).toString('base64')}`,
  );
  process.exit(1);
}

main(process.argv.slice(2));
