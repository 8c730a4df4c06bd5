/** Curves of runs, into a file or the terminal. */
import { extname } from 'node:path';
import { wrong } from '../../arguments';
import { counted } from '../../counted';
import { FusorError } from '../../errors';
import { writeAtomic } from '../../files/atomic';
import type { Curves } from '../../report/curves';
import { stacked, svgFile } from '../../report/svg';
import type { Run } from '../command';
import { readPlotted } from '../compare/run';
import type { plot } from '../options';
import { type CurveName, drawing, figuresOf, type PlottedRun } from '../pictures/curves';
import { curvesOf } from '../pictures/terminal';

export const run: Run<typeof plot> = async ({ settings, words, out }) => {
  const { output, terminal, what } = settings;
  if (words.length === 0) throw wrong('fusor plot', 'runs', words, 'at least one run folder');
  const plotted = words.map((path) => readPlotted(path));
  for (const { name, epochs, hasEnded } of plotted)
    if (!hasEnded) out.note(`${name} has not ended: ${counted(epochs.length, 'epoch')} of it drawn`);
  const figures = figuresOf(plotted, what).map(({ figure }) => figure);
  if (figures.length === 0)
    throw new FusorError('ERR_ARG', [
      `nothing to plot of ${what.join(', ')}`,
      words.join(', '),
      'ask for loss',
    ]);
  if (output !== undefined) await write(output, figures);
  out.result({ schema: 'fusor.plot', version: 1, runs: words, output: output ?? null }, () => {
    const shown = terminal || output === undefined ? plotted.map((each) => inTerminal(each, what)) : [];
    return [...shown, output].filter(Boolean).join('\n\n');
  });
  return 0;
};

function inTerminal(run: PlottedRun, what: readonly CurveName[]): string {
  const none = `no curve of ${what.join(', ')}: one takes two values or more, all finite`;
  return `${run.name}\n\n${curvesOf(run, what) || none}`;
}

async function write(file: string, figures: readonly Curves[]): Promise<void> {
  const svg = svgFile(stacked(figures.map((figure) => drawing(figure, 760))));
  await writeAtomic(file, extname(file).toLowerCase() === '.png' ? await rendered(svg) : svg);
}

/** @throws ERR_UNSUPPORTED where nothing can */
async function rendered(svg: string): Promise<Uint8Array> {
  let library: typeof import('@resvg/resvg-js');
  try {
    library = require('@resvg/resvg-js');
  } catch (cause) {
    const parts = [
      'PNG needs @resvg/resvg-js',
      'fusor plot',
      'npm install @resvg/resvg-js, or write an .svg',
    ] as const;
    throw new FusorError('ERR_UNSUPPORTED', parts, {}, { cause });
  }
  const font = { loadSystemFonts: true, defaultFontFamily: 'DejaVu Sans' };
  return new library.Resvg(svg, { fitTo: { mode: 'zoom', value: 2 }, font }).render().asPng();
}
