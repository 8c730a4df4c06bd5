/** The commands there are. Each one's code is loaded only when it runs. */
import { type Command, command } from '../command';
import * as options from '../options';

export const COMMANDS: readonly Command[] = [
  command(
    'train',
    '',
    'train a model, test it and keep it in a run folder',
    options.train,
    () => import('./train.js'),
    ['fusor train --epochs 5 --seed 7', 'fusor train --backend tfjs --layers 256,128 --json'],
  ),
  command(
    'evaluate',
    '<model>',
    'test a model or the model of a run',
    options.evaluate,
    () => import('./evaluate.js'),
  ),
  command(
    'predict',
    '<model> [input..]',
    'predict with a model or the model of a run: PNG, JPEG, CSV, JSON, .npy, .npz, IDX; - is stdin',
    options.predict,
    () => import('./predict.js'),
    [
      'fusor predict runs/mnist-… seven.png',
      'fusor predict runs/houses-… new.csv',
      'cat rows.json | fusor predict model.keras -',
    ],
  ),
  command(
    'serve',
    '<model>',
    'answer predictions over HTTP (KServe v1), with a page to draw on',
    options.serve,
    () => import('./serve.js'),
    ['fusor serve runs/mnist-…', 'fusor serve model.keras --port 9000 --name digits'],
  ),
  command(
    'inspect',
    '<path>',
    'show what a model folder or a run folder holds',
    options.inspect,
    () => import('./inspect.js'),
  ),
  command(
    'convert',
    '<source> <destination>',
    'write a model in another format: ours, TensorFlow.js, Keras, ONNX, numpy',
    options.convert,
    () => import('./convert.js'),
    ['fusor convert runs/mnist-… model.keras', 'fusor convert model.keras web-model --to tfjs'],
  ),
  command(
    'compare',
    '[runs..]',
    'lay runs over each other, or train the same on several backends: a table and a page',
    options.compare,
    () => import('./compare.js'),
    ['fusor compare runs/mnist-… runs/mnist-…', 'fusor compare --backends native,native:framework,tfjs:wasm'],
  ),
  command(
    'plot',
    '[runs..]',
    'draw the curves of runs over each other: SVG, PNG or terminal',
    options.plot,
    () => import('./plot.js'),
    [
      'fusor plot runs/mnist-… runs/mnist-… -o curves.svg',
      'fusor plot runs/mnist-… --what loss,time -o x.png',
    ],
  ),
  command(
    'verify',
    '',
    'train on everything usable here and check that it is the same training',
    options.verify,
    () => import('./verify.js'),
    ['fusor verify --seed 7', 'fusor verify --steps 100 --backends native,tfjs:wasm --against keras,torch'],
  ),
  command(
    'devices',
    '',
    'list what could compute here, and why the rest could not',
    options.devices,
    () => import('./devices.js'),
  ),
  command(
    'doctor',
    '',
    'check this installation and say how to mend it',
    options.doctor,
    () => import('./doctor.js'),
  ),
  command(
    'data',
    '<action> [name]',
    'data sets: list | fetch NAME | verify NAME|PATH | path NAME',
    options.data,
    () => import('./data.js'),
    ['fusor data verify mnist'],
  ),
  command(
    'bench',
    '<action>',
    'measure: kernel (operations of a layer against ATen and oneDNN) | train (against other frameworks)',
    options.bench,
    () => import('./bench.js'),
    [
      'fusor bench kernel --op forward --shapes 32x784x128,256x1024x1024 --threads 1,2',
      'fusor bench train --peers PyTorch,JAX --net 4096-4096-4096 --batch-size 512',
    ],
  ),
  command(
    'profile',
    '',
    'where the time of a step goes: ours against framework kernels and TensorFlow.js, op by op',
    options.profile,
    () => import('./profile.js'),
    [
      'fusor profile --html profile.html --trace trace.json',
      'fusor profile --variants native:fused,tfjs:wasm --layers 1024,1024 --batch-size 256',
      'fusor profile --json > before.json; fusor profile --baseline before.json',
    ],
  ),
  command(
    'native',
    '<action>',
    'the native backend: build | status | clean | fetch-libtorch',
    options.native,
    () => import('./native.js'),
  ),
  command(
    'tfjs',
    '<action>',
    'TensorFlow behind tfjs: install | build | status | clean',
    options.tfjs,
    () => import('./tfjs.js'),
    ['fusor tfjs install', 'fusor tfjs build --gpu'],
  ),
];

/** Keys of the options of all commands. */
export const ALL_KEYS = [...new Set(COMMANDS.flatMap(({ options: of }) => Object.keys(of)))];
