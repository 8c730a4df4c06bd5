/** Every option of the command line. */
import { range, wrong } from '../arguments';
import { VARIANTS } from '../bench/kernel';
import { OPS, type Shape } from '../bench/work';
import { scheduleOf } from '../runs/checkpoint-schedule';
import { FORMATS } from './bench/format';
import { toNet, toShapes } from './bench/shapes';
import {
  choice,
  choices,
  count,
  integer,
  integers,
  type Option,
  real,
  text,
  toggle,
  url,
  words,
} from './option';
import { parseSchedule } from './schedule';

const device = (written: unknown, where: string) =>
  /^(auto|cpu|cuda(:\d{1,3})?)$/.test(String(written))
    ? (written as 'auto' | 'cpu' | 'cuda')
    : choice('', ['auto', 'cpu', 'cuda', 'cuda:0'], undefined).parse(written, where)!;

/** Understood by every command. */
export const common = {
  json: toggle('print exactly one JSON document on stdout'),
  quiet: toggle('no progress and no remarks: results and errors alone'),
  config: text('take options from a JSON file', 'FILE', undefined),
  printConfig: toggle('print the options as they would be used, as JSON, and stop'),
};

/** Where to run. */
export const runtime = {
  backend: choice('what computes', ['auto', 'native', 'tfjs'], 'auto'),
  device: {
    ...text('where it computes [auto, cpu, cuda, cuda:N]', 'NAME', 'auto'),
    fallback: 'auto' as 'auto' | 'cpu' | 'cuda' | `cuda:${number}`,
    parse: device,
  },
  kernels: choice('our fused kernels, or those of libtorch', ['auto', 'fused', 'framework'], 'auto'),
  precision: choice('arithmetic of matrix products on a GPU', ['fp32', 'tf32', 'bf16'], 'fp32'),
  threads: integer('CPU threads; 0: one a core', 0, 1024, 0),
  tfjsEngine: choice('engine of TensorFlow.js', ['auto', 'node-gpu', 'node', 'wasm', 'cpu'], 'auto'),
};

function imageSize(written: unknown, where: string): readonly [number, number] {
  const sizes = (Array.isArray(written) ? written : String(written).split('x')).map(Number);
  if (sizes.length === 2 && sizes.every((size) => Number.isInteger(size) && size > 0 && size <= 65_535))
    return [sizes[0], sizes[1]];
  throw wrong(where, 'the value', written, 'height x width, as 28x28');
}

const rows = {
  data: {
    ...text<string>(
      'a data set by name (fusor data list), or your own: a file or a folder',
      'NAME|PATH',
      'mnist',
    ),
    // FUSOR_DATA is the folder of all data sets.
    variable: 'FUSOR_DATASET',
  },
  // FUSOR_DATA is where they are looked for first, in programs, too: src/data/cache.ts.
  dataDir: text(
    'the folder where data sets are kept, and no other; default: FUSOR_DATA and others',
    'FOLDER',
    undefined,
  ),
  offline: toggle('fetch nothing: the data set must be there'),
  mirror: url('a folder on the web that holds NAME/FILE of the data sets; tried first'),
  limit: integer('use only the first N rows, to train and to test', 1, 2 ** 31, undefined),
};

const decimalPoint = (otherwise: string) =>
  choice(
    `the decimal point in a CSV; with ',' cells are separated by something else; default: ${otherwise}`,
    ['.', ','],
    undefined,
  );

/** How data of the user's own is to be taken. */
const own = {
  label: text(
    "of your own data: the column to predict, or an array's file of labels",
    'COLUMN|FILE',
    undefined,
  ),
  ignore: words('columns to leave out', 'COLUMN,…', true),
  categorical: words('columns of numbers that name something', 'COLUMN,…'),
  missing: choice(
    'empty cells of a table: an error, the mean of the column, or the row is dropped',
    ['error', 'mean', 'drop'],
    'error',
  ),
  decimal: decimalPoint("'.'"),
  imageSize: {
    ...text('the size that images are brought to; default: all must have the same', 'HxW', undefined),
    fallback: undefined as readonly [number, number] | undefined,
    parse: imageSize,
  },
};

const classes = { classes: integer('number of classes in a folder of data', 2, 256, undefined) };

/** What is trained, and how: the same wherever it runs. */
export const problem = {
  ...rows,
  ...own,
  testSplit: real(
    'share of the rows of your own data to test with, where it has no part for it',
    [(v) => v > 0 && v < 1, 'in (0, 1)'],
    0.2,
  ),
  ...classes,
  layers: integers('widths of the hidden layers', [128]),
  activation: choice(
    'of the hidden layers',
    ['linear', 'relu', 'sigmoid', 'tanh', 'elu', 'gelu', 'silu', 'selu', 'softplus', 'leakyRelu'],
    'relu',
  ),
  batchNormalization: toggle(
    'normalise each hidden layer over the batch, between its product and its activation',
  ),
  dropout: real(
    'share of what each hidden layer gives that a step drops; default: none',
    range.fraction,
    undefined,
  ),
  model: text(
    "train this model instead: a model.json, or, to go on from its weights, a run, a model's folder, .keras, .npz or .safetensors",
    'PATH',
    undefined,
  ),
  loss: choice(
    'what is made small; default: categoricalCrossentropy, for values instead of classes meanSquaredError',
    [
      'categoricalCrossentropy',
      'sparseCategoricalCrossentropy',
      'binaryCrossentropy',
      'meanSquaredError',
      'meanAbsoluteError',
      'huber',
    ],
    undefined,
  ),
  huberDelta: real(
    'of huber: from which distance on an error counts linearly, in units of the values; default: 1',
    range.positive,
    undefined,
  ),
  labelSmoothing: real(
    'how unsure targets are made: y becomes y·(1 − X) + X/classes; default: 0',
    range.fraction,
    undefined,
  ),
  optimizer: choice('how', ['sgd', 'adam', 'adamw', 'rmsprop'], 'adam'),
  learningRate: real("default: the optimizer's (sgd 0.01, others 0.001)", range.positive, undefined),
  clipNorm: real(
    'shorten the gradient to this L2 norm where it is longer; default: no clipping',
    range.positive,
    undefined,
  ),
  accumulate: count('one update for so many steps, with the mean of their gradients; default: 1', undefined),
  l1: real("add X·Σ|w| of each layer's kernel to the loss", range.notNegative, undefined),
  l2: real("add X·Σw² of each layer's kernel to the loss", range.notNegative, undefined),
  maxNorm: real(
    'after each step, shorten what goes into a unit to this L2 norm; default: no limit',
    range.positive,
    undefined,
  ),
  batchSize: count('rows a step', 32),
  validationSplit: real(
    'share of the rows to validate with: the last; of your own data at random, by the seed',
    range.fraction,
    0.2,
  ),
  seed: integer('makes the run repeatable; default: random', 0, Number.MAX_SAFE_INTEGER, undefined),
};

const epochs = integer('times through the data', 1, 1_000_000, 10);

export const train = {
  ...common,
  ...problem,
  epochs,
  ...runtime,
  checkpoint: {
    ...text(
      'when to keep all it takes to go on: every:N (epochs), every:Nsteps, every:30s, best, several with commas, or none',
      'WHEN',
      'every:30s',
    ),
    parse: (written: unknown, where: string) => {
      scheduleOf(where, 'the value', written);
      return written as string;
    },
  },
  monitor: text(
    "what 'best', early stopping and plateau compare; default: valLoss, or loss where nothing validates",
    'NAME',
    undefined,
  ),
  findLr: toggle(
    'do not train: try learning rates from 1e-6 to 10, and draw where the loss falls, in learning-rate.svg of the run folder; default: runs/find-lr-<time>',
  ),
  earlyStopping: count(
    'end after N epochs without improvement, with the best weights; default: never',
    undefined,
    0,
  ),
  reduceOnPlateau: count(
    'a tenth of the learning rate after N epochs without improvement; default: never',
    undefined,
    0,
  ),
  schedule: {
    ...text<string | undefined>(
      'of the learning rate, by step: cosine[:WARMUP[:ALPHA]], exponential:STEPS:DECAY, step:EVERY[:FACTOR], piecewise:STEP:RATE:…',
      'NAME:N',
      undefined,
    ),
    parse: parseSchedule,
  },
  log: choices(
    'where epochs are written; metrics.jsonl and history.csv always are; mlflow: to MLFLOW_TRACKING_URI',
    ['jsonl', 'csv', 'tensorboard', 'mlflow'],
    ['jsonl', 'csv'],
  ),
  fallback: choice(
    'when a GPU fails: auto tries it once more, then the CPU; cpu goes there at once; never ends with exit 8',
    ['never', 'cpu', 'auto'],
    'auto',
  ),
  onSaveError: choice('when a checkpoint cannot be written', ['stop', 'continue'], 'stop'),
  resume: text<string | undefined>('go on with this run, as though it had never ended', 'RUN', undefined),
  runDir: text('the run folder; default: runs/<data>-<time>', 'FOLDER', undefined),
  stepLosses: toggle("put every step's loss, which losses.f32 has anyway, into run.json and --json, too"),
  noProgress: toggle('no progress bar: one line an epoch'),
  dashboard: toggle('show the training as it goes on a page of this computer; its address is printed'),
};

/** Of rows for a model that is there. */
const asTrained = 'as the run was trained';
const dataAsTrained = {
  ...rows.data,
  fallback: undefined as string | undefined,
};

export const evaluate = {
  ...common,
  ...rows,
  data: {
    ...dataAsTrained,
    describe: `${rows.data.describe}; default: what the run was trained on, mnist for other models`,
  },
  ...own,
  missing: choice(
    `empty cells of a table: an error, the mean of the column, or the row is dropped; default: ${asTrained}`,
    ['error', 'mean', 'drop'],
    undefined,
  ),
  decimal: decimalPoint(asTrained),
  ...classes,
  batchSize: count('rows at once', 1024),
  ...runtime,
};

export const predict = {
  ...common,
  ...rows,
  data: {
    ...dataAsTrained,
    describe: 'a data set, whose test rows are taken, or what INPUT may be; default: as that of evaluate',
  },
  missing: choice(
    `empty cells of a table: an error, or the mean of the column; default: ${asTrained}`,
    ['error', 'mean'],
    undefined,
  ),
  decimal: decimalPoint(asTrained),
  invert: toggle('pictures are dark on light, and the model was trained on light on dark, as MNIST'),
  batchSize: count('rows at once', 1024),
  ...runtime,
};

export const serve = {
  ...common,
  host: text(
    'the address to listen on; another than 127.0.0.1 is reached from other computers',
    'ADDRESS',
    '127.0.0.1',
  ),
  port: integer('0: any that is free', 0, 65_535, 8501),
  name: {
    ...text<string | undefined>(
      "the model's name in its address; default: its folder's or file's",
      'NAME',
      undefined,
    ),
    parse: (written: unknown, where: string) => {
      if (typeof written === 'string' && /^[\w.-]{1,100}$/.test(written)) return written;
      throw wrong(where, 'the value', written, 'up to 100 letters, digits, _, . or -');
    },
  } as Option<string | undefined>,
  ...runtime,
};

export const verify = {
  ...common,
  ...problem,
  validationSplit: { ...problem.validationSplit, describe: 'share of the rows, the last, to leave out' },
  threads: runtime.threads,
  backends: words(
    'only these, as native, native:framework, tfjs:wasm; default: all that are usable',
    'NAME,…',
  ),
  steps: integer('train so many steps, not a whole epoch', 1, 2 ** 31, undefined),
  reference: text('compare with this one; default: the one that most agree with', 'NAME', undefined),
  against: words('outside witnesses: keras, torch', 'NAME,…'),
  python: text('the Python that has them; default: the first found', 'FILE', undefined),
};

export const compare = {
  ...common,
  ...problem,
  epochs,
  threads: runtime.threads,
  backends: words('train on each of these, as native, native:framework, tfjs:wasm', 'NAME,…'),
  runDir: text('where the page and new runs go; default: runs/compare-<time>', 'FOLDER', undefined),
};

export const profile = {
  ...common,
  ...problem,
  device: runtime.device,
  precision: runtime.precision,
  threads: runtime.threads,
  variants: words(
    'what is profiled, each in a process of its own; default: native:fused,native:framework,tfjs',
    'NAME,…',
  ),
  steps: integer(
    'of a round, in one span; more where they would take less than 50 ms; an epoch where that is more than half of one',
    1,
    1_000_000,
    50,
  ),
  warmup: { ...integer('steps before those that count, at least', 0, 1_000_000, 10), short: 'w' },
  rounds: { ...integer('of each variant, in turns', 1, 10_000, 11), short: 'r' },
  epochs: integer('whole epochs after that, for memory', 0, 1_000_000, 1),
  trace: text('write a round of each as a Chrome trace, for Perfetto', 'FILE', undefined),
  html: text('write a page: roofline, a step, memory', 'FILE', undefined),
  nvtx: toggle('mark the phases for Nsight Systems, on a GPU'),
  baseline: text('say what changed since this profile, written by --json', 'FILE', undefined),
  freshCeilings: toggle('measure what this machine gives again, though it is known'),
};

export const plot = {
  ...common,
  output: {
    ...text<string | undefined>(
      'the file to write: NAME.svg or NAME.png; default: the terminal',
      'FILE',
      undefined,
    ),
    short: 'o',
    parse: (written: unknown, where: string) => {
      if (typeof written === 'string' && /\.(svg|png)$/i.test(written)) return written;
      throw wrong(where, 'the value', written, 'a NAME.svg or NAME.png');
    },
  } as Option<string | undefined>,
  terminal: toggle('draw in the terminal, too'),
  what: choices(
    'what to draw; metrics: all but the accuracy',
    ['loss', 'accuracy', 'metrics', 'steps', 'time'],
    ['loss', 'accuracy', 'metrics'],
  ),
};

export const devices = { ...common };
export const doctor = { ...common, dataDir: rows.dataDir };
const allowNonfinite = { allowNonfinite: toggle('take weights that are NaN or infinite') };
export const inspect = { ...common, ...allowNonfinite };
export const convert = {
  ...common,
  ...allowNonfinite,
  to: choice(
    "the format to write; default: by the destination's name (.keras, .weights.h5, .onnx, .npz, .safetensors), else fusor or tfjs, which the source is not in",
    ['fusor', 'tfjs', 'keras', 'kerasWeights', 'onnx', 'npz'],
    undefined,
  ),
  model: text('the model of a .weights.h5: a model, a run, or a model.json', 'PATH', undefined),
};
export const data = {
  ...common,
  ...own,
  dataDir: rows.dataDir,
  offline: rows.offline,
  mirror: rows.mirror,
};
export const tfjs = {
  ...common,
  gpu: toggle('TensorFlow for NVIDIA GPUs'),
  tensorflow: {
    ...text("Python's tensorflow folder, or a libtensorflow, to build against", 'FOLDER', undefined),
    variable: 'TENSORFLOW_DIR',
  },
  force: toggle('build although nothing changed'),
};

const SHAPES = '32x784x128,128x784x128,256x1024x1024,1024x4096x4096';
const shapes: Option<readonly Shape[]> = {
  describe: 'batch x inputs x units',
  placeholder: 'BxIxU,BxIxU',
  fallback: toShapes(SHAPES, '--shapes'),
  written: SHAPES,
  parse: toShapes,
};

export const bench = {
  ...common,
  op: choices('operations', OPS, ['forward', 'forward-backward']),
  shapes,
  variants: choices("ours, by instruction set or the best; the libraries'", VARIANTS, [
    'fused',
    'aten',
    'onednn',
  ]),
  threads: {
    ...integers('CPU threads; kernel measures with each, train with the first; default: one a core', []),
    parse: (written: unknown, where: string) =>
      integers('', [])
        .parse(written, where)
        .map((count) => runtime.threads.parse(count, where)),
  },
  density: real(
    "share of a layer's input that is not 0; default: 0.19 of bytes in sparse operations, 1 in the others",
    [(v) => v > 0 && v <= 1, 'in (0, 1]'],
    undefined,
  ),
  warmup: { ...integer('samples before those that count', 0, 10_000, 3), short: 'w' },
  repetitions: {
    ...integer(
      'in turns; default: 20 samples of a kernel, 5 or more of one that takes long, 5 trainings',
      1,
      10_000,
      undefined,
    ),
    short: 'r',
  },
  format: choice('how the figures are shown', FORMATS, 'table'),
  peers: text('train: whom against, by any part of their names; all, or none', 'NAME,NAME', 'all'),
  epochs: integer('train: times through the data', 1, 1_000_000, 10),
  layers: integers('train: widths of the hidden layers', [128]),
  batchSize: count('train: rows a step', 32),
  net: {
    ...text('train: a net of these widths on random rows instead', 'N-N-N', undefined),
    parse: toNet,
  } as Option<string | undefined>,
  steps: integer('train: steps of --net', 1, 1_000_000, 8),
  save: toggle('train: write the result into scripts/bench/results'),
};

export const native = {
  ...common,
  libtorch: { ...text('the libtorch to build against', 'FOLDER', undefined), variable: 'LIBTORCH' },
  variant: {
    ...choice('which libtorch to fetch', ['cpu', 'cu126', 'cu130'], undefined),
    variable: 'FUSOR_LIBTORCH',
  },
  force: toggle('build although nothing changed'),
};
