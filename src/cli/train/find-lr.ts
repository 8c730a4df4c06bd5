/** `train --find-lr`: which learning rate to begin with, and a plot of why. */
import { join, relative, resolve } from 'node:path';
import type { OwnData } from '../../data/open-table';
import { writeAtomic } from '../../files/atomic';
import { findLearningRate, type Model } from '../../index';
import { svgFile } from '../../report/svg';
import { freshFolder, makeFolder } from '../../runs/fresh-folder';
import type { Call } from '../command';
import { interruptible } from '../interrupt';
import type { train } from '../options';
import { drawing } from '../pictures/curves';
import { chart } from '../pictures/terminal';
import { arraysOf, targetsOf } from './data';

/** @returns the exit status */
export async function findLr(
  { settings, out }: Call<typeof train>,
  model: Model,
  data: OwnData,
  seed: number,
): Promise<number> {
  try {
    const { batchSize } = settings;
    const rows = arraysOf(data.train);
    const { rates, losses, suggestion } = await interruptible((signal) =>
      findLearningRate(model, rows.x, targetsOf(model, rows), { batchSize, seed, signal }),
    );
    const folder = settings.runDir === undefined ? await freshFolder('find-lr') : resolve(settings.runDir);
    await makeFolder(folder);
    const file = join(folder, 'learning-rate.svg');
    const note =
      suggestion === undefined
        ? 'the loss never falls'
        : `it falls most steeply at ${suggestion.toExponential(1)}`;
    const points = rates.map((rate, i): [number, number] => [rate, losses[i]]);
    const least = losses.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
    // How it explodes hides how it fell.
    const curves = [{ series: 0, points: points.filter(([, loss]) => loss < 2 * losses[0] + least) }];
    const figure = {
      title: 'Loss against the learning rate',
      note,
      legend: [],
      curves,
      x: 'learning rate',
      logX: true,
    };
    await writeAtomic(file, svgFile(drawing(figure, 760)));
    const document = {
      schema: 'fusor.learningRates',
      version: 1,
      seed,
      rates,
      losses,
      suggestion: suggestion ?? null,
      plot: file,
    };
    out.result(document, () => {
      const shown = curves[0].points.map(([, loss]) => loss);
      const lines = chart([shown]).text.join('\n');
      const ends = `${rates[0].toExponential(0)} … ${curves[0].points.at(-1)![0].toExponential(1)}`;
      return `loss, learning rate ${ends}\n${lines}\n\n${note}\n${relative('', file)}`;
    });
    return 0;
  } finally {
    await model.dispose();
  }
}
