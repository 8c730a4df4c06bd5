/** `fusor bench train`: scripts/bench/train.mjs with our options. */
import type { Call } from '../command';
import type { bench as options } from '../options';
import { benchScripts } from '../scripts';
import { csv } from './format';

export async function train({ settings, out }: Call<typeof options>): Promise<number> {
  const { peers, repetitions, epochs, threads, layers, batchSize, net, steps, save, json, format } = settings;
  const { benchTrain, markdownOf } = await benchScripts();
  out.note('each contender trains in a process of its own, in turns');
  const document = await benchTrain({
    peers,
    repetitions,
    epochs,
    threads: threads[0],
    layers: layers.join(','),
    batchSize,
    net,
    steps,
    save,
  });
  const shown = json ? 'json' : format;
  const text = {
    json: () => JSON.stringify({ schema: 'fusor.bench.train', version: 1, ...document }),
    csv: () => csv(document.rows),
  };
  process.stdout.write(`${shown === 'json' || shown === 'csv' ? text[shown]() : markdownOf(document)}\n`);
  return 0;
}
