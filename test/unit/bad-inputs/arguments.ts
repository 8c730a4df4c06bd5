/** Mistakes of programs that call fusor. The model must be as good afterwards as it was before. */
import {
  constraints,
  datasets,
  initializers,
  layers,
  losses,
  type Model,
  metrics,
  modelFromJSON,
  ndarray,
  optimizers,
  regularizers,
  schedules,
  sequential,
  toCategorical,
} from '../../../src/index';
import { type BadInput, hostile, type Row, revoked, rows, throwing } from '../../support/bad-inputs';
import { CLASSES, classifier, FEATURES, labelled, referenceModel, SPARSE } from '../../support/models';

/** A way round the types, which hold for most of this. */
const any = (value: unknown) => value as never;

export function badArguments(model: Model): BadInput[] {
  const { x, y } = labelled(12);
  const fitting = (options: unknown) => () => model.fit(x, y, any(options));
  const on =
    (badX: unknown, badY: unknown = y) =>
    () =>
      model.fit(any(badX), any(badY));
  const compile = (options: unknown) => () => referenceModel(classifier(), null).compile(any(options));
  const training = (more: object) => compile({ ...SPARSE, ...more });
  const dense = (units: unknown, options?: unknown) => () => layers.dense(any(units), any(options));
  const changed = (change: (data: Float32Array) => void) => {
    const data = Float32Array.from(x.data);
    change(data);
    return on(ndarray(data, x.shape));
  };
  const hot = toCategorical(y, CLASSES);
  const onehot = referenceModel(classifier(), { optimizer: 'sgd', loss: 'categoricalCrossentropy' });
  const regression = referenceModel([layers.dense(2, { inputShape: [FEATURES] })], {
    optimizer: 'sgd',
    loss: 'mse',
  });
  const rowsOf = (data: Float32Array) => ndarray(data, hot.shape);
  const disposed = referenceModel();
  void disposed.dispose();
  const [ARG, SHAPE, STATE] = ['ERR_ARG', 'ERR_SHAPE', 'ERR_STATE'];
  const counts = [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, '32', 2 ** 31, null, 3n, [32], true];
  return rows([
    ...counts.map(
      (value): Row => [
        `batchSize ${String(value)} (${typeof value})`,
        fitting({ batchSize: value }),
        ARG,
        'fit',
        'from 1 to 2147483647',
      ],
    ),
    ...counts.map(
      (value): Row => [
        `epochs ${String(value)} (${typeof value})`,
        fitting({ epochs: value }),
        ARG,
        'fit',
        'from 1 to 2147483647',
      ],
    ),
    ['an initial epoch after the last', fitting({ initialEpoch: 5, epochs: 2 }), ARG, 'fit', 'from 0 to 2'],
    ['a validation split of 1', fitting({ validationSplit: 1 }), ARG, 'fit', 'from 0 to below 1'],
    [
      'a validation split that leaves nothing to train',
      fitting({ validationSplit: 0.99 }),
      ARG,
      'fit',
      'at least one is left to train',
    ],
    ['validation data of one array', fitting({ validationData: [x] }), ARG, 'fit', '[x, y]'],
    [
      'validation data of other rows',
      fitting({ validationData: [x, ndarray(new Uint8Array(3), [3])] }),
      'ERR_DATA_MISMATCH',
      'validationData',
      'as many rows',
    ],
    ['a seed of −1', fitting({ seed: -1 }), ARG, 'fit', 'from 0 to'],
    ['a seed of 2⁵³', fitting({ seed: 2 ** 53 }), ARG, 'fit', 'from 0 to'],
    ['verbose 3', fitting({ verbose: 3 }), ARG, 'fit', "0, 1, 2 or 'auto'"],
    ['shuffle "no"', fitting({ shuffle: 'no' }), ARG, 'fit', 'true or false'],
    ['callbacks that are a function', fitting({ callbacks: () => {} }), ARG, 'fit', 'an array of callbacks'],
    [
      "a callback's misspelt method",
      fitting({ callbacks: [{ onEpochEnds: () => {} }] }),
      ARG,
      'callbacks[0].onEpochEnds',
      'did you mean onEpochEnd?',
    ],
    [
      "a callback's method as Keras calls it",
      fitting({ callbacks: [{ on_train_begin: () => {} }] }),
      ARG,
      'callbacks[0].on_train_begin',
      'did you mean onTrainBegin?',
    ],
    ['a callback that is null', fitting({ callbacks: [null] }), ARG, 'callbacks[0]', 'an object'],
    [
      'a callback every 0 batches',
      fitting({ callbacks: [{ everyBatches: 0 }] }),
      ARG,
      'everyBatches',
      'from 1 to',
    ],
    ['a signal that is none', fitting({ signal: {} }), ARG, 'fit', 'an AbortSignal'],
    ['an option of fit nearly', fitting({ batchsize: 32 }), ARG, 'fit', 'did you mean batchSize?'],
    ['options that are a number', fitting(7), ARG, 'fit', 'an object with'],
    ['options with a getter that throws', fitting(throwing('epochs')), ARG, 'fit', 'pass plain data'],
    ['options behind a proxy', fitting(hostile()), ARG, 'fit', 'pass plain data'],
    ['options behind a revoked proxy', fitting(revoked()), ARG, 'fit', 'pass plain data'],
    ['callbacks behind a revoked proxy', fitting({ callbacks: revoked([]) }), ARG, 'fit', 'pass plain data'],
    ['a callback behind a proxy', fitting({ callbacks: [hostile()] }), ARG, 'fit', 'pass plain data'],
    ['a signal behind a proxy', fitting({ signal: hostile() }), ARG, 'fit', 'pass plain data'],
    ['class weights behind a proxy', fitting({ classWeight: hostile() }), ARG, 'fit', 'pass plain data'],
    ['a class weight below 0', fitting({ classWeight: { 1: -1 } }), ARG, 'classWeight[1]', 'finite and ≥ 0'],
    ['class weights in a Map', fitting({ classWeight: new Map([[0, 9]]) }), ARG, 'fit', 'an object such as'],
    ['a class that is not there', fitting({ classWeight: { 7: 1 } }), ARG, 'fit', 'from 0 to 2'],
    [
      'a sample weight that is NaN',
      fitting({ sampleWeight: new Float32Array(12).fill(Number.NaN) }),
      ARG,
      'row 0',
      'finite and ≥ 0',
    ],
    [
      'too few sample weights',
      fitting({ sampleWeight: new Float32Array(3) }),
      'ERR_DATA_MISMATCH',
      'sampleWeight has 3',
      'one weight a row',
    ],
    [
      'fewer y than x',
      on(x, ndarray(new Uint8Array(11), [11])),
      'ERR_DATA_MISMATCH',
      'x has 12 rows, y has 11',
      'as many rows',
    ],
    [
      'no rows',
      on(ndarray(new Float32Array(0), [0, FEATURES]), ndarray(new Uint8Array(0), [0])),
      'ERR_DATA_EMPTY',
      'x [0,5]',
      'at least one',
    ],
    [
      'ragged rows',
      on(
        [
          [1, 2, 3, 4, 5],
          [1, 2, 3],
        ],
        [0, 1],
      ),
      SHAPE,
      'element [1]',
      'should have 5',
    ],
    ['a flat array for rows', on(new Float32Array(60)), SHAPE, 'layer "dense"', 'ndarray(data, [12,5])'],
    [
      'rows of another width',
      on(ndarray(new Float32Array(48), [12, 4])),
      SHAPE,
      'layer "dense"',
      'needed is [rows,5]',
    ],
    [
      'images with their axes turned',
      () =>
        sequential([layers.flatten({ inputShape: [28, 20, 1] }), layers.dense(2)]).predict(
          ndarray(new Float32Array(560), [1, 20, 28, 1]),
        ),
      SHAPE,
      'layer "flatten"',
      'another order',
    ],
    ['x undefined', on(undefined), ARG, 'fit', 'ndarray(data, shape)'],
    ['x a promise', on(Promise.resolve(x)), ARG, 'fit', 'await it'],
    [
      'x a generator',
      on(
        (function* () {
          yield 1;
        })(),
      ),
      ARG,
      'fit',
      'the source gives { x, y }',
    ],
    ['x a function', on(() => x), ARG, 'fit', 'the source gives { x, y }'],
    [
      'x a tensor of TensorFlow.js',
      on({ data() {}, dispose() {}, shape: [12, 5] }),
      ARG,
      'fit',
      'await x.data()',
    ],
    [
      'x that holds 16-bit integers',
      on({ data: new Uint16Array(60), shape: [12, 5] }),
      ARG,
      'x.data must be',
      'got a Uint16Array',
    ],
    [
      'x that holds a plain array',
      on({ data: [1, 2, 3, 4, 5], shape: [1, 5] }),
      ARG,
      'x.data must be',
      'an array of 5',
    ],
    ['x of 64-bit integers', on(new BigInt64Array(60)), ARG, 'fit', 'Float32Array'],
    ['x of text', on([['1', '2', '3', '4', '5']], [0]), ARG, 'element [0][0]', 'a number'],
    [
      'x in a circle',
      on(
        (() => {
          const a: unknown[] = [];
          a.push(a);
          return a;
        })(),
      ),
      ARG,
      'depth',
      'at most 16',
    ],
    ['x behind a proxy', on(hostile()), ARG, 'fit', 'pass plain data'],
    ['x behind a revoked proxy', on(revoked([])), ARG, 'fit', 'pass plain data'],
    ['x with a getter that throws', on(throwing('data')), ARG, 'fit', 'pass plain data'],
    ['x with a hole', on([[1, 2, 3, 4, 5], undefined], [0, 1]), SHAPE, 'element [1]', 'should have 5'],
    [
      'NaN first',
      changed((data) => {
        data[0] = Number.NaN;
      }),
      'ERR_NONFINITE_INPUT',
      'sample 0, feature 0',
      'must be finite',
    ],
    [
      'infinity last',
      changed((data) => {
        data[59] = Number.POSITIVE_INFINITY;
      }),
      'ERR_NONFINITE_INPUT',
      'sample 11, feature 4',
      'must be finite',
    ],
    [
      '−infinity between',
      changed((data) => {
        data[33] = Number.NEGATIVE_INFINITY;
      }),
      'ERR_NONFINITE_INPUT',
      'sample 6, feature 3',
      'must be finite',
    ],
    [
      '1e300, too great for float32',
      on(ndarray(new Float64Array(60).fill(1e300), [12, 5])),
      'ERR_NONFINITE_INPUT',
      'sample 0, feature 0',
      'must be finite',
    ],
    [
      'NaN to predict',
      () => model.predict([[Number.NaN, 0, 0, 0, 0]]),
      'ERR_NONFINITE_INPUT',
      'predict, sample 0',
      'must be finite',
    ],
    [
      'NaN to regress to',
      () => regression.fit(x, ndarray(new Float32Array(24).fill(Number.NaN), [12, 2])),
      'ERR_NONFINITE_INPUT',
      'sample 0, output 0',
      'must be finite',
    ],
    [
      'a label beyond the classes',
      on(x, new Uint8Array(12).fill(3)),
      'ERR_LABEL_RANGE',
      'label 0',
      'from 0 to 2',
    ],
    ['a label of −1', on(x, new Int32Array(12).fill(-1)), 'ERR_LABEL_RANGE', 'label 0', 'from 0 to 2'],
    [
      'a label of 0.5',
      on(x, new Float32Array(12).fill(0.5)),
      'ERR_LABEL_RANGE',
      'label 0',
      'an integer from 0 to 2',
    ],
    ['labels of true and false', on(x, new Array(12).fill(true)), ARG, 'element [0]', 'a number'],
    [
      'one-hot rows for a sparse loss',
      on(x, hot),
      SHAPE,
      'sparseCategoricalCrossentropy',
      "use 'categoricalCrossentropy'",
    ],
    [
      'images for flat outputs',
      () => regression.fit(x, ndarray(new Float32Array(24), [12, 2, 1])),
      SHAPE,
      'meanSquaredError needs [rows,2]',
      'ndarray(data, [12,2])',
    ],
    ['labels for a dense loss', () => onehot.fit(x, y), SHAPE, 'categoricalCrossentropy', 'toCategorical(y)'],
    [
      'rows that sum to 2',
      () => onehot.fit(x, rowsOf(hot.data.map((v) => 2 * v))),
      'ERR_LABEL_RANGE',
      'row 0',
      'from 0 to 1',
    ],
    [
      'rows that sum to a half',
      () => onehot.fit(x, rowsOf(hot.data.map((v) => v / 2))),
      'ERR_LABEL_RANGE',
      'row 0',
      "'binaryCrossentropy'",
    ],
    [
      'a fit before compile',
      () => referenceModel(classifier(), null).fit(x, y),
      STATE,
      'fit',
      'call model.compile',
    ],
    [
      'a test before compile',
      () => referenceModel(classifier(), null).evaluate(x, y),
      STATE,
      'evaluate',
      'call model.compile',
    ],
    ['a fit after dispose', () => disposed.fit(x, y), STATE, 'disposed', 'make a new one'],
    ['a prediction after dispose', () => disposed.predict(x), STATE, 'disposed', 'make a new one'],
    ['no compile options', compile(undefined), ARG, 'compile', 'an object with'],
    [
      'a schedule for a rate',
      training({ optimizer: { kind: 'adam', learningRate: () => 1 } }),
      ARG,
      'optimizers.adam',
      'learningRateScheduler(schedule)',
    ],
    ['another optimizer', training({ optimizer: 'nadam' }), ARG, 'compile', 'one of sgd'],
    [
      'an option by its other name',
      () => optimizers.adam(any({ lr: 1 })),
      ARG,
      'adam',
      'did you mean learningRate?',
    ],
    ["Keras' accuracy", training({ metrics: ['binary_accuracy'] }), ARG, 'compile', 'did you mean accuracy?'],
    [
      'callbacks in a list of their own',
      () => referenceModel().fit(x, y, { callbacks: any([[{ onEpochEnd() {} }]]) }),
      ARG,
      'fit',
      'callbacks[0] must be an object with one of onTrainBegin',
    ],
    [
      'a callback that nothing would call',
      () => referenceModel().fit(x, y, { callbacks: any([{ epochEnd() {} }]) }),
      ARG,
      'fit',
      'callbacks[0] must be an object with one of onTrainBegin',
    ],
    [
      'ragged targets',
      () => referenceModel().fit(x, any([[1], [2, 3]])),
      'ERR_SHAPE',
      'fit',
      'y, the rows are ragged: element [1]',
    ],
    ['true as a number', () => referenceModel().predict(any([[true]])), ARG, 'predict', 'write 1 for true'],
    ['a backend nearly', training({ backend: 'nativ' }), ARG, 'compile', 'did you mean native?'],
    ['threads in text', training({ threads: '2' }), ARG, 'compile', 'threads must be an integer'],
    ['quiet or not', training({ quiet: 'no' }), ARG, 'compile', 'true or false'],
    [
      'a device that is none',
      () => referenceModel().runOn(any({ device: 'gpu' })),
      ARG,
      'runOn',
      'auto, cpu, cuda or cuda:N',
    ],
    ['an optimizer nearly', training({ optimizer: 'adm' }), ARG, 'compile', 'did you mean adam?'],
    ['an optimizer that is a number', training({ optimizer: 7 }), ARG, 'compile', 'one of sgd'],
    ['an optimizer behind a proxy', training({ optimizer: hostile() }), ARG, 'compile', 'pass plain data'],
    [
      'a loss nearly',
      training({ loss: 'sparseCategoricalCrossEntropie' }),
      ARG,
      'compile',
      'did you mean sparseCategoricalCrossentropy?',
    ],
    ['a metric nearly', training({ metrics: ['acuracy'] }), ARG, 'compile', 'did you mean accuracy?'],
    ['a metric that is no mean', training({ metrics: ['AUC'] }), ARG, 'compile', 'epochLogs'],
    ['a metric that is a function', training({ metrics: [() => 1] }), ARG, 'compile', 'epochLogs'],
    ['a metric twice', training({ metrics: ['accuracy', 'accuracy'] }), ARG, '"accuracy"', 'another name'],
    ['metrics that are text', training({ metrics: 'accuracy' }), ARG, 'compile', "['accuracy']"],
    ['metrics behind a revoked proxy', training({ metrics: revoked([]) }), ARG, 'compile', 'pass plain data'],
    ['an option of compile nearly', training({ metric: [] }), ARG, 'compile', 'did you mean metrics?'],
    [
      'a loss that does not fit the outputs',
      training({ loss: 'binaryCrossentropy' }),
      'ERR_PLAN',
      'compile',
      "'sigmoid'",
    ],
    ...[-1, Number.NaN, Number.POSITIVE_INFINITY, 1e39, '0.1'].map(
      (rate): Row => [
        `a learning rate of ${String(rate)} (${typeof rate})`,
        () => optimizers.adam({ learningRate: any(rate) }),
        ARG,
        'optimizers.adam',
        'from 0 to',
      ],
    ),
    ...[0, -1, Number.NaN, Number.POSITIVE_INFINITY].map(
      (norm): Row => [
        `a clipNorm of ${norm}`,
        () => optimizers.sgd({ clipNorm: norm }),
        ARG,
        'optimizers.sgd',
        'greater than 0',
      ],
    ),
    ...[0, -1, 1.5, '4', Number.NaN].map(
      (steps): Row => [
        `gradients of ${String(steps)} steps (${typeof steps})`,
        () => optimizers.adam({ gradientAccumulationSteps: any(steps) }),
        ARG,
        'optimizers.adam',
        'from 1 to',
      ],
    ),
    ['an L2 below 0', () => regularizers.l2(-1), ARG, 'regularizers.l2', 'from 0'],
    ['an L1 that is NaN', () => regularizers.l1(Number.NaN), ARG, 'regularizers.l1', 'from 0'],
    ['an L3', () => regularizers.l1l2(any({ l3: 1 })), ARG, 'regularizers.l1l2', 'did you mean'],
    ['a norm of 0', () => constraints.maxNorm(0), ARG, 'constraints.maxNorm', 'greater than 0'],
    [
      'a regularizer by a name that is none',
      dense(2, { kernelRegularizer: 'L2' }),
      ARG,
      'layers.dense',
      'did you mean l2?',
    ],
    [
      'a regularizer that is a number',
      dense(2, { kernelRegularizer: 0.1 }),
      ARG,
      'layers.dense',
      '{ l1, l2 }',
    ],
    [
      'an initializer as Keras spells it',
      dense(2, { kernelInitializer: 'he_normal' }),
      ARG,
      'layers.dense',
      'did you mean heNormal?',
    ],
    [
      'an initializer that is a number',
      dense(2, { biasInitializer: -5 }),
      ARG,
      'layers.dense',
      'initializers.constant(value)',
    ],
    [
      'a constant initializer without its value',
      dense(2, { biasInitializer: { kind: 'constant' } }),
      ARG,
      'layers.dense',
      'biasInitializer.value',
    ],
    [
      'an initializer of text',
      () => initializers.constant(any('1')),
      ARG,
      'initializers.constant',
      'a number',
    ],
    [
      'a constraint without its norm',
      dense(2, { biasConstraint: {} }),
      ARG,
      'layers.dense',
      'greater than 0',
    ],
    [
      'a constraint by a name that is none',
      dense(2, { kernelConstraint: 'unit' }),
      ARG,
      'layers.dense',
      'maxNorm',
    ],
    ['a momentum of 1', () => optimizers.sgd({ momentum: 1 }), ARG, 'optimizers.sgd', 'from 0 to below 1'],
    ['a β₂ of 1', () => optimizers.adam({ beta2: 1 }), ARG, 'optimizers.adam', 'from 0 to below 1'],
    ['an ε of 0', () => optimizers.adam({ epsilon: 0 }), ARG, 'optimizers.adam', 'from 1.2e-38'],
    [
      'an ε that is denormal in float32',
      () => optimizers.rmsprop({ epsilon: 1e-40 }),
      ARG,
      'optimizers.rmsprop',
      'from 1.2e-38',
    ],
    ['a decay below 0', () => optimizers.adamw({ weightDecay: -0.1 }), ARG, 'optimizers.adamw', 'from 0 to'],
    [
      'learningrate',
      () => optimizers.adam(any({ learningrate: 0.1 })),
      ARG,
      'optimizers.adam',
      'did you mean learningRate?',
    ],
    [
      'fromlogits',
      () => losses.categoricalCrossentropy(any({ fromlogits: true })),
      ARG,
      'losses.',
      'did you mean fromLogits?',
    ],
    ['a metric called loss', () => metrics.topK(3, { name: 'loss' }), ARG, 'metrics.topK', 'other than loss'],
    ...[0, -1, 1e9, 1.5, '10', Number.NaN].map(
      (units): Row => [
        `a layer of ${String(units)} (${typeof units})`,
        dense(units),
        ARG,
        'layers.dense',
        'from 1 to 16777216',
      ],
    ),
    ['an activation nearly', dense(2, { activation: 'rellu' }), ARG, 'layers.dense', 'did you mean relu?'],
    [
      'an option of a layer nearly',
      dense(2, { usebias: false }),
      ARG,
      'layers.dense',
      'did you mean useBias?',
    ],
    ['a name with a slash', dense(2, { name: 'a/b' }), ARG, 'layers.dense', 'letters, digits'],
    [
      'an input shape behind a revoked proxy',
      dense(2, { inputShape: revoked([]) }),
      ARG,
      'layers.dense',
      'pass plain data',
    ],
    ['an input shape with the batch', dense(2, { inputShape: [null, 4] }), ARG, 'inputShape', 'from 1 to'],
    ['a dropout of 1', () => layers.dropout(1), ARG, 'layers.dropout', 'from 0 to below 1'],
    [
      'a momentum in percent',
      () => layers.batchNormalization({ momentum: 99 }),
      ARG,
      'layers.batchNormalization',
      'momentum must be a number from 0 to 1',
    ],
    ['a rescaling of NaN', () => layers.rescaling(Number.NaN), ARG, 'layers.rescaling', 'to 3.4e38'],
    [
      'a rescaling that is infinite in float32',
      () => layers.rescaling(1e39),
      ARG,
      'layers.rescaling',
      'to 3.4e38',
    ],
    [
      'a decay below 0, by the name that it has',
      () => schedules.step({ rate: 1, every: 3, factor: -1 }),
      ARG,
      'schedules.step',
      'factor must be',
    ],
    ['no layers', () => sequential([]), ARG, 'sequential', 'at least one layer'],
    [
      'layers that are no list',
      () => sequential(any(layers.dense(2))),
      ARG,
      'sequential',
      'an array of layers',
    ],
    ['a layer that is a function', () => sequential(any([layers.dense])), ARG, 'layer 0', 'layers.dense'],
    ['a layer behind a proxy', () => sequential([hostile()]), ARG, 'sequential', 'pass plain data'],
    ['no input shape', () => sequential([layers.dense(2)]), SHAPE, 'sequential', 'inputShape: [28, 28, 1]'],
    [
      'a dense layer on images',
      () => sequential([layers.dense(2, { inputShape: [28, 28] })]),
      SHAPE,
      'layer "dense"',
      'add layers.flatten()',
    ],
    [
      'a width that disagrees',
      () => sequential([layers.dense(2, { inputShape: [3] }), layers.dense(2, { inputShape: [5] })]),
      SHAPE,
      'layer "dense_1"',
      'leave it out',
    ],
    [
      '2³¹ parameters',
      () => sequential([layers.dense(2 ** 24, { inputShape: [2 ** 10] })]),
      'ERR_PLAN',
      'layer "dense"',
      'use fewer units',
    ],
    ['a config that is none', () => modelFromJSON(null), 'ERR_FILE_FORMAT', 'modelFromJSON', "'Sequential'"],
    ['a config behind a proxy', () => modelFromJSON(hostile()), ARG, 'modelFromJSON', 'pass plain data'],
    [
      'a shape that does not multiply',
      () => ndarray(new Float32Array(6), [4, 2]),
      SHAPE,
      'ndarray',
      'needs 8 elements',
    ],
    [
      'a shape behind a revoked proxy',
      () => ndarray(new Float32Array(6), revoked([])),
      ARG,
      'ndarray',
      'pass plain data',
    ],
    [
      'labels beyond the classes given',
      () => toCategorical([0, 5], 3),
      'ERR_LABEL_RANGE',
      'label 1',
      'from 0 to 2',
    ],
    ['classes of 0', () => toCategorical([0], 0), ARG, 'toCategorical', 'from 1 to'],
    [
      'weights of another shape',
      () => model.setWeights([ndarray(new Float32Array(20), [4, 5])]),
      SHAPE,
      'layer "dense"',
      'has the shape [5,4]',
    ],
    [
      'weights that are NaN',
      async () => {
        const weights = await model.getWeights();
        weights[0].data[3] = Number.NaN;
        await model.setWeights(weights);
      },
      'ERR_NONFINITE_WEIGHTS',
      'kernel of layer "dense", element 3',
      'finite',
    ],
    ['weights behind a proxy', () => model.setWeights(hostile()), ARG, 'setWeights', 'pass plain data'],
    ['a state that is none', () => model.writeState(any({})), ARG, 'writeState', 'an integer ≥ 0'],
    [
      'a state without slots',
      () => model.writeState(any({ step: 0, weights: [], slots: { length: 2 } })),
      SHAPE,
      'writeState',
      'compile with the optimiser',
    ],
    ['a batch size of 0 to predict', () => model.predict(x, { batchSize: 0 }), ARG, 'predict', 'from 1 to'],
    ['a batch size of 0 to test', () => model.evaluate(x, y, { batchSize: 0 }), ARG, 'evaluate', 'from 1 to'],
    [
      'where to run, nearly',
      () => referenceModel().runOn(any({ backnd: 'tfjs' })),
      ARG,
      'runOn',
      'did you mean backend?',
    ],
    [
      'a data folder that is a number',
      () => datasets.mnist(any({ dataDir: 7 })),
      ARG,
      'datasets.mnist',
      'some text',
    ],
  ]);
}
