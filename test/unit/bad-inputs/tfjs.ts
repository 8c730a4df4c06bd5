/** Damaged and forged files of TensorFlow.js. */
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadModel } from '../../../src/index';
import { type BadInput, type Row, rows } from '../../support/bad-inputs';

type Json = Record<string, unknown>;
interface Weight {
  name: string;
  shape: unknown;
  dtype: unknown;
  [key: string]: unknown;
}
interface File {
  format?: string;
  modelTopology: {
    class_name: unknown;
    config: { name: string; layers: { class_name: unknown; config: Json; [key: string]: unknown }[] };
  };
  weightsManifest: { paths: unknown; weights: Weight[] }[];
  [key: string]: unknown;
}

const dense = (name: string, units: number, more: Json = {}) => ({
  class_name: 'Dense',
  config: { name, units, activation: 'relu', use_bias: true, trainable: true, ...more },
});
const weight = (name: string, shape: number[]): Weight => ({ name, shape, dtype: 'float32' });

/** Takes [3] to [2] to [1]: 11 numbers, 44 bytes. */
const good = (): File => ({
  format: 'layers-model',
  modelTopology: {
    class_name: 'Sequential',
    config: {
      name: 'm',
      layers: [dense('a', 2, { batch_input_shape: [null, 3], dtype: 'float32' }), dense('b', 1)],
    },
  },
  weightsManifest: [
    {
      paths: ['weights.bin'],
      weights: [
        weight('a/kernel', [3, 2]),
        weight('a/bias', [2]),
        weight('b/kernel', [2, 1]),
        weight('b/bias', [1]),
      ],
    },
  ],
});

export function badTfjs(root: string): BadInput[] {
  let count = 0;
  const made =
    (work: (json: File, folder: string) => unknown, weights: Uint8Array | null = new Uint8Array(44)) =>
    () => {
      const folder = join(root, `tfjs-${count++}`);
      mkdirSync(folder);
      if (weights) writeFileSync(join(folder, 'weights.bin'), weights);
      const json = good();
      const text = work(json, folder);
      writeFileSync(join(folder, 'model.json'), typeof text === 'string' ? text : JSON.stringify(json));
      return loadModel(folder);
    };
  const topology = (work: (topology: File['modelTopology']) => unknown) =>
    made((json) => void work(json.modelTopology));
  const layer = (change: Json, at = 0) =>
    made((json) => void Object.assign(json.modelTopology.config.layers[at].config, change));
  const ofClass = (name: unknown) =>
    topology(({ config }) => {
      config.layers[1].class_name = name;
    });
  const normalized = (config: Json) =>
    topology(({ config: { layers } }) => {
      layers.push({ class_name: 'BatchNormalization', config: { name: 'last', ...config } });
    });
  const path = (name: unknown, work?: (folder: string) => void) =>
    made((json, folder) => {
      json.weightsManifest[0].paths = [name];
      work?.(folder);
    });
  const weights = (work: (weights: Weight[]) => unknown) =>
    made((json) => void work(json.weightsManifest[0].weights));
  const shape = (value: unknown) =>
    weights((list) => {
      list[0].shape = value;
    });
  const graph = (links: [name: string, from: string | null][], more: Json = {}, outputs?: unknown) =>
    topology((to) => {
      to.class_name = 'Model';
      if (outputs) Object.assign(to.config, { output_layers: outputs });
      to.config.layers = links.map(([name, from], i) => ({
        ...dense(name, 2, i === 0 ? { batch_input_shape: [null, 3] } : {}),
        name,
        inbound_nodes: from === null ? [] : [[[from, 0, 0, {}]]],
        ...more,
      }));
    });
  const FORMAT = 'ERR_FILE_FORMAT';
  const UNKNOWN = 'ERR_LAYER_UNKNOWN';
  const DTYPE = 'ERR_DTYPE_UNSUPPORTED';
  const COPY = 'take another copy';
  const STACK = 'only stacks of layers';
  const escapes = (name: string, value: unknown, work?: (folder: string) => void): Row => [
    `the path ${name}`,
    path(value, work),
    'ERR_PATH_ESCAPE',
    'model.json',
    'name it alone',
  ];
  const first = 'modelTopology.config.layers[0]';
  return rows([
    [
      'no topology',
      made((json) => {
        json.modelTopology = undefined as never;
      }),
      FORMAT,
      'modelTopology',
      COPY,
    ],
    [
      'a graph model',
      made((json) => {
        json.format = 'graph-model';
      }),
      FORMAT,
      'no layers',
      'save it as a LayersModel',
    ],
    [
      'a topology of another class',
      topology((to) => {
        to.class_name = 'Estimator';
      }),
      FORMAT,
      'Estimator',
      'save a stack',
    ],
    [
      'layers that are no list',
      topology((to) => {
        to.config.layers = {} as never;
      }),
      FORMAT,
      'config.layers',
      COPY,
    ],
    [
      'no layers',
      topology((to) => {
        to.config.layers = [];
      }),
      FORMAT,
      'model.json',
      'at least one layer',
    ],
    [
      'a million layers',
      topology((to) => {
        to.config.layers = new Array(100_000).fill(1) as never;
      }),
      FORMAT,
      'config.layers',
      'at most 10000',
    ],
    [
      'a layer that is null',
      topology((to) => {
        to.config.layers[0] = null as never;
      }),
      FORMAT,
      first,
      COPY,
    ],
    [
      'a layer without config',
      topology((to) => {
        to.config.layers[0].config = undefined as never;
      }),
      FORMAT,
      `${first}.config`,
      COPY,
    ],
    ...['Lambda', 'TFSMLayer', 'TorchModuleWrapper', 'MyLayer', 'constructor', '__proto__'].map(
      (name): Row => [`the class ${name}`, ofClass(name), UNKNOWN, 'layers[1]', 'no code is loaded'],
    ),
    ['a class nearly', ofClass('Dence'), UNKNOWN, 'layers[1]', 'did you mean Dense?'],
    ['a class that is a number', ofClass(7), UNKNOWN, 'layers[1]', 'known are'],
    ['units 10⁹', layer({ units: 1e9 }), FORMAT, 'layers.dense', 'from 1 to 16777216'],
    ['units −1', layer({ units: -1 }), FORMAT, 'layers.dense', 'from 1 to'],
    ['units 1.5', layer({ units: 1.5 }), FORMAT, 'layers.dense', 'an integer'],
    ['units that are text', layer({ units: '2' }), FORMAT, 'layers.dense', 'an integer'],
    ['no units', layer({ units: undefined }), FORMAT, 'layers.dense', 'an integer'],
    [
      'parameters counted before they are had',
      made((json) => {
        for (const { config } of json.modelTopology.config.layers) config.units = 2 ** 24;
      }),
      FORMAT,
      'layer "b"',
      'use fewer units',
    ],
    ['an activation that is not here', layer({ activation: 'sigmod' }), FORMAT, 'activation', 'did you mean'],
    [
      'an activation that is an object',
      layer({ activation: { class_name: 'Custom' } }),
      FORMAT,
      'activation',
      'one of linear',
    ],
    [
      'a regulariser',
      layer({ kernel_regularizer: { class_name: 'Custom', config: {} } }),
      FORMAT,
      'kernel_regularizer',
      'remove it',
    ],
    [
      'a regulariser below 0',
      layer({ kernel_regularizer: { class_name: 'L1L2', config: { l1: -1, l2: 0 } } }),
      FORMAT,
      'kernelRegularizer.l1',
      'from 0',
    ],
    [
      'a penalty on what a layer gives',
      topology(({ config: { layers } }) => {
        layers.push({
          class_name: 'Activation',
          config: { name: 'last', activation: 'linear', activity_regularizer: 'l2' },
        });
      }),
      FORMAT,
      'activity_regularizer',
      'remove it',
    ],
    ['a batch normalisation along the batch', normalized({ axis: 0 }), FORMAT, 'axis is 0', 'remove it'],
    ['a batch normalisation along two axes', normalized({ axis: [1, 2] }), FORMAT, 'axis is', 'remove it'],
    [
      'a batch normalisation with a regulariser',
      normalized({ gamma_regularizer: { class_name: 'L2', config: {} } }),
      FORMAT,
      'gamma_regularizer',
      'remove it',
    ],
    ['a batch renormalisation', normalized({ renorm: true }), FORMAT, 'renorm is true', 'remove it'],
    [
      'a batch normalisation without its weights',
      normalized({ axis: [1] }),
      FORMAT,
      'last/gamma is missing',
      'take the weights',
    ],
    [
      'a momentum of 2',
      normalized({ momentum: 2 }),
      FORMAT,
      'momentum must be a number from 0 to 1',
      'model.json',
    ],
    [
      'a constraint',
      layer({ kernel_constraint: { class_name: 'NonNeg', config: {} } }),
      FORMAT,
      'kernel_constraint',
      'remove it',
    ],
    [
      'a constraint of rows',
      layer({ kernel_constraint: { class_name: 'MaxNorm', config: { max_value: 2, axis: 1 } } }),
      FORMAT,
      'kernel_constraint',
      'axis 0',
    ],
    ['a layer that is trained or not', layer({ trainable: 'perhaps' }), FORMAT, 'trainable', 'true or false'],
    ['a layer of float16', layer({ dtype: 'float16' }), FORMAT, 'dtype is "float16"', 'remove it'],
    [
      'a batch shape with a hole',
      layer({ batch_input_shape: [null, null] }),
      FORMAT,
      'inputShape',
      'an integer',
    ],
    ['an input of 0', layer({ batch_input_shape: [null, 0] }), FORMAT, 'inputShape', 'from 1 to'],
    ['an input of nothing', layer({ batch_input_shape: [] }), FORMAT, 'inputShape', '1 to 8 sizes'],
    [
      'an input of rank 9',
      layer({ batch_input_shape: new Array(10).fill(1) }),
      FORMAT,
      'batch_input_shape',
      'at most 9',
    ],
    ['an input that is no list', layer({ batch_input_shape: 3 }), FORMAT, 'batch_input_shape', COPY],
    ['no input shape', layer({ batch_input_shape: null }), FORMAT, 'no inputShape', 'inputShape: ['],
    [
      'an input that is not flat',
      layer({ batch_input_shape: [null, 3, 3] }),
      FORMAT,
      'layer "a"',
      'add layers.flatten()',
    ],
    ['a name that is a path', layer({ name: '../a' }), FORMAT, 'name', 'letters, digits'],
    ['a name of a megabyte', layer({ name: 'x'.repeat(1 << 20) }), FORMAT, 'name', 'up to 100 letters'],
    ['two layers of one name', layer({ name: 'a' }, 1), FORMAT, '"a"', 'names are unique'],
    [
      'a graph that is a circle',
      graph([
        ['a', 'b'],
        ['b', 'a'],
      ]),
      FORMAT,
      'cannot be reached',
      STACK,
    ],
    [
      'a graph with a circle behind the input',
      graph([
        ['a', null],
        ['b', 'c'],
        ['c', 'b'],
      ]),
      FORMAT,
      '2 layers cannot be reached',
      STACK,
    ],
    [
      'a graph with a layer that takes nothing there is',
      graph([
        ['a', null],
        ['b', 'z'],
      ]),
      FORMAT,
      'cannot be reached',
      STACK,
    ],
    [
      'a graph of two branches',
      graph([
        ['a', null],
        ['b', 'a'],
        ['c', 'a'],
      ]),
      FORMAT,
      'two layers take "a"',
      STACK,
    ],
    [
      'a graph of two inputs',
      graph([
        ['a', null],
        ['b', null],
      ]),
      FORMAT,
      'two layers take the input',
      STACK,
    ],
    [
      'a graph with a layer used twice',
      graph([['a', null]], { inbound_nodes: [[['x', 0, 0]], [['y', 0, 0]]] }),
      FORMAT,
      'more than once',
      STACK,
    ],
    ...(
      [
        [
          'two outputs',
          [
            ['a', 0, 0],
            ['b', 0, 0],
          ],
          'the model has 2 outputs',
        ],
        ['an output before the last layer', [['a', 0, 0]], 'what comes out is "a", not "b"'],
        ['such an output as Keras 3 writes it', ['a', 0, 0], 'what comes out is "a", not "b"'],
      ] as const
    ).map(
      ([name, outputs, what]): Row => [
        `a graph of ${name}`,
        graph(
          [
            ['a', null],
            ['b', 'a'],
          ],
          {},
          outputs,
        ),
        FORMAT,
        what,
        STACK,
      ],
    ),
    ['a graph without nodes', graph([['a', null]], { inbound_nodes: 7 }), FORMAT, 'inbound_nodes', COPY],
    [
      'no manifest',
      made((json) => {
        json.weightsManifest = undefined as never;
      }),
      FORMAT,
      'weightsManifest',
      COPY,
    ],
    [
      'paths that are no list',
      made((json) => {
        json.weightsManifest[0].paths = 'weights.bin';
      }),
      FORMAT,
      'weightsManifest[0].paths',
      COPY,
    ],
    escapes('../../outside.bin', '../../outside.bin'),
    escapes('/etc/passwd', '/etc/passwd'),
    escapes('C:\\x', 'C:\\x'),
    escapes('C:/x', 'C:/x'),
    escapes('a\\..\\..\\b', 'a\\..\\..\\b'),
    escapes('sub/../../x', 'sub/../../x'),
    escapes('https://…', 'https://example.com/weights.bin'),
    escapes('file:///…', 'file:///etc/passwd'),
    escapes('with NUL', 'weights.bin\0.png'),
    escapes('\\\\server\\share', '\\\\server\\share'),
    escapes('that is empty', ''),
    escapes('that is no text', 7),
    escapes('of a link to the outside', 'link.bin', (folder) =>
      symlinkSync('/etc/passwd', join(folder, 'link.bin')),
    ),
    escapes('through a linked folder', 'dir/passwd', (folder) => symlinkSync('/etc', join(folder, 'dir'))),
    escapes('of the folder itself', '.'),
    ['weights that are not there', path('absent.bin'), FORMAT, 'absent.bin', 'put it beside'],
    [
      'weights that are a folder',
      path('sub', (folder) => mkdirSync(join(folder, 'sub'))),
      FORMAT,
      'sub',
      'put it beside',
    ],
    [
      'weights too short',
      made(() => {}, new Uint8Array(40)),
      FORMAT,
      'need 44 bytes, their files have 40 (weights.bin 40)',
      'cut short',
    ],
    ['weights too long', made(() => {}, new Uint8Array(48)), FORMAT, 'their files have 48', 'too long'],
    [
      'weights of 268 MB in a file of 44 bytes',
      made((json) => {
        json.modelTopology.config.layers.pop();
        json.modelTopology.config.layers[0].config.units = 2 ** 24;
        json.weightsManifest[0].weights = [weight('a/kernel', [3, 2 ** 24]), weight('a/bias', [2 ** 24])];
      }),
      FORMAT,
      'need 268435456 bytes, their files have 44',
      'cut short',
    ],
    ['no weights at all', path(undefined), 'ERR_PATH_ESCAPE', 'model.json', 'name it alone'],
    [
      'files in another order',
      made((json) => {
        json.weightsManifest[0].paths = ['group1-shard2of2.bin', 'group1-shard1of2.bin'];
      }),
      FORMAT,
      'paths[0]',
      'into their order',
    ],
    [
      'quantised weights',
      weights((list) => {
        list[0].quantization = { dtype: 'uint8', min: 0, scale: 1 };
      }),
      DTYPE,
      '"a/kernel" is quantised',
      'without quantization',
    ],
    ...['int64', 'string', 'float16', 'int32', 'complex64', 'toString', 7].map(
      (dtype): Row => [
        `weights of ${dtype}`,
        weights((list) => {
          list[0].dtype = dtype;
        }),
        DTYPE,
        '"a/kernel"',
        'supported is float32',
      ],
    ),
    ['a weight twice', weights((list) => list.push({ ...list[0] })), FORMAT, '"a/kernel"', COPY],
    ['a weight missing', weights((list) => list.pop()), FORMAT, 'b/bias is missing', TAKE],
    [
      'a weight too many',
      weights((list) => list.push(weight('c/bias', [1]))),
      FORMAT,
      'c/bias is too many',
      TAKE,
    ],
    [
      'a weight renamed',
      weights((list) => {
        list[0].name = 'z/kernel';
      }),
      FORMAT,
      'a/kernel is missing; z/kernel is too many',
      TAKE,
    ],
    [
      'a weight without name',
      weights((list) => {
        list[0].name = undefined as never;
      }),
      FORMAT,
      'weights[0].name',
      COPY,
    ],
    ['a weight turned over', shape([2, 3]), FORMAT, 'a/kernel is [2,3], the model needs [3,2]', TAKE],
    ['a shape of rank 9', shape(new Array(9).fill(1)), FORMAT, 'weights[0].shape', 'at most 8'],
    ['a size of −1', shape([-1, 2]), FORMAT, 'weights[0].shape', 'must be sizes'],
    ['a size of 1.5', shape([1.5, 2]), FORMAT, 'weights[0].shape', 'must be sizes'],
    ['a size that is text', shape(['3', 2]), FORMAT, 'weights[0].shape', 'must be sizes'],
    ['a size that is null', shape([null, 2]), FORMAT, 'weights[0].shape', 'must be sizes'],
    ['a product that wraps', shape([2 ** 32, 2 ** 32]), FORMAT, 'weights[0].shape', 'that can be'],
    ['no shape', shape(undefined), FORMAT, 'weights[0].shape', COPY],
    [
      'weights that are NaN',
      made(() => {}, new Uint8Array(44).fill(255)),
      'ERR_NONFINITE_WEIGHTS',
      'a/kernel, element 0',
      'train anew',
    ],
    [
      'a key twice',
      made((json) => JSON.stringify(json).replace('{', '{"format":"layers-model",')),
      FORMAT,
      '"format" twice',
      COPY,
    ],
    [
      'a topology nested too deep',
      made((json) => JSON.stringify(json).replace('"layers-model"', '['.repeat(1000))),
      FORMAT,
      'nested',
      COPY,
    ],
    [
      'text with a byte order mark',
      made((json) => `\ufeff${JSON.stringify(json)}`),
      FORMAT,
      'not JSON',
      COPY,
    ],
  ]);
}

const TAKE = 'take the weights saved with this model';
