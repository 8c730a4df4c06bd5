/** `fusor bench kernel`. */
import { benchKernel, type KernelReport, type Row, shapeName } from '../../bench/kernel';
import { machineLine } from '../../bench/machine';
import type { Ceilings } from '../../bench/roofline';
import { counted } from '../../counted';
import { FusorError } from '../../errors';
import type { Call } from '../command';
import type { bench as options } from '../options';
import { table } from '../output';
import { csv, markdown } from './format';

const HEAD = [
  'operation',
  'shape',
  'threads',
  'variant',
  'µs',
  '±',
  'GFLOP/s',
  'GB/s',
  'of peak',
  'of roof',
  'bound',
  'error',
  'x library',
];
const NUMBERS = [2, 4, 5, 6, 7, 8, 9, 11, 12];

export async function kernel({ settings, out, argv }: Call<typeof options>): Promise<number> {
  const { op: ops, json, format, ...rest } = settings;
  const report = await benchKernel({ ops, ...rest }, (text) => out.note(text));
  if (report.rows.length === 0)
    throw new FusorError('ERR_BACKEND_UNAVAILABLE', [
      `nothing to measure: not here are ${report.absent.join(', ')}`,
      'fusor bench kernel',
      `name other --variants; our best instruction set here is ${report.machine.isa}`,
    ]);
  const document = {
    schema: 'fusor.bench.kernel',
    version: 1,
    command: ['fusor', ...argv].join(' '),
    date: new Date().toISOString(),
    ...report,
  };
  const shown = json ? 'json' : format;
  if (shown === 'json') process.stdout.write(`${JSON.stringify(document)}\n`);
  else if (shown === 'csv') process.stdout.write(`${csv(report.rows)}\r\n`);
  else process.stdout.write(`${people(report, shown === 'md')}\n`);
  return 0;
}

function people({ machine, ceilings, rows, absent }: KernelReport, asMarkdown: boolean): string {
  const cells = rows.map(cellsOf);
  return [
    machineLine(machine),
    `libtorch ${machine.libtorch} (${machine.blas}) · our best instruction set: ${machine.isa}`,
    ...ceilings.map(ceilingLine),
    '',
    asMarkdown ? markdown(HEAD, cells) : table(HEAD, cells, NUMBERS),
    '',
    'µs a call, median; ± the middle half; roof: the nearer ceiling, which bound names; error: against float64, of what is',
    'allowed (max(8, √terms) x 2^-24 of the magnitudes); x library: how many times as fast as the better of ATen and oneDNN',
    ...rows.filter(({ computed }) => computed < 1).map(zerosLine),
    ...(absent.length > 0 ? [`not here: ${absent.join(', ')}`] : []),
  ].join('\n');
}

function cellsOf(row: Row): string[] {
  const { seconds, error, allowed, timesLibrary } = row;
  return [
    row.op,
    shapeName(row),
    String(row.threads),
    row.variant,
    micros(seconds.median),
    percent(seconds.spread),
    row.gflops.toFixed(1),
    row.gbytes.toFixed(1),
    percent(row.ofPeak),
    percent(row.ofCeiling),
    row.bound,
    `${error.toFixed(1)}/${allowed.toFixed(0)}${error > allowed ? ' WRONG' : ''}`,
    timesLibrary === null ? '–' : timesLibrary.toFixed(2),
  ];
}

function zerosLine(row: Row): string {
  const what = `${row.variant} ${row.op} ${shapeName(row)}, ${counted(row.threads, 'thread')}`;
  return `${what}: ${percent(1 - row.computed)} of the products, those with a zero, were left out; GFLOP/s and shares are of the others`;
}

function ceilingLine({ threads, flops, bandwidths }: Ceilings): string {
  const giga = (value: number) => (value / 1e9).toFixed(0);
  const peaks = Object.entries(flops).map(([isa, rate]) => `${isa} ${giga(rate)}`);
  const levels = bandwidths.map(({ level, read, update }) => `${level} ${giga(read)}/${giga(update)}`);
  return `peak of ${counted(threads, 'thread')}: ${peaks.join(', ')} GFLOP/s · ${levels.join(', ')} GB/s read/updated`;
}

const percent = (share: number) => `${(100 * share).toFixed(0)} %`;
const micros = (seconds: number) => (seconds * 1e6).toFixed(seconds < 1e-4 ? 1 : 0);
