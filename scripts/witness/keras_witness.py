"""Keras trains what `fusor verify` trains: its own layers, losses and optimisers, from our weights in our order.

usage: keras_witness.py REQUEST.json (see problem.py). KERAS_BACKEND chooses its backend; default: the first there is.
"""
import importlib.util
import os

os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '2')
if 'KERAS_BACKEND' not in os.environ:
    os.environ['KERAS_BACKEND'] = next(b for b in ('tensorflow', 'jax', 'torch') if importlib.util.find_spec(b))

import keras  # noqa: E402
import numpy as np  # noqa: E402
from keras import ops  # noqa: E402
from problem import INITIAL_ROWS, Problem  # noqa: E402

problem = Problem()


def layer_of(config):
    kind, c = config['className'], config['config']
    if kind == 'Flatten':
        return keras.layers.Flatten()
    if kind == 'Rescaling':
        return keras.layers.Rescaling(c['scale'], c['offset'])
    if kind == 'Activation':
        return keras.layers.LeakyReLU(c['negativeSlope']) if 'negativeSlope' in c else keras.layers.Activation(c['activation'])
    trainable = c.get('trainable', True)
    if kind == 'BatchNormalization':
        own = {name: c[name] for name in ('momentum', 'epsilon', 'center', 'scale')}
        return keras.layers.BatchNormalization(trainable=trainable, **own)
    held = {
        **{f'{of}_regularizer': keras.regularizers.L1L2(**c[f'{of}Regularizer']) for of in ('kernel', 'bias') if f'{of}Regularizer' in c},
        **{f'{of}_constraint': keras.constraints.MaxNorm(c[f'{of}Constraint']['maxNorm']) for of in ('kernel', 'bias') if f'{of}Constraint' in c},
    }
    return keras.layers.Dense(c['units'], activation='leaky_relu' if c['activation'] == 'leakyRelu' else c['activation'], use_bias=c['useBias'], trainable=trainable, **held)


def optimizer_of(config):
    # JSON knows no 0.0, and Keras takes no 0 for a rate.
    c = {name: float(value) if type(value) is int else value for name, value in config.items()}
    common = {'global_clipnorm': c['clipNorm']} if 'clipNorm' in c else {}
    if 'gradientAccumulationSteps' in config:
        common['gradient_accumulation_steps'] = config['gradientAccumulationSteps']
    rate = c['learningRate']
    if c['kind'] == 'sgd':
        return keras.optimizers.SGD(rate, momentum=c['momentum'], nesterov=c['nesterov'], **common)
    if c['kind'] == 'rmsprop':
        return keras.optimizers.RMSprop(rate, rho=c['rho'], epsilon=c['epsilon'], **common)
    moments = {'beta_1': c['beta1'], 'beta_2': c['beta2'], 'epsilon': c['epsilon'], **common}
    if c['kind'] == 'adamw':
        return keras.optimizers.AdamW(rate, weight_decay=c['weightDecay'], **moments)
    return keras.optimizers.Adam(rate, **moments)


def loss_of(c):
    logits = {'from_logits': c['fromLogits']}
    smoothed = {**logits, 'label_smoothing': c.get('labelSmoothing', 0.0)}
    return {
        'categoricalCrossentropy': lambda: keras.losses.CategoricalCrossentropy(**smoothed),
        'sparseCategoricalCrossentropy': lambda: keras.losses.SparseCategoricalCrossentropy(**logits),
        'binaryCrossentropy': lambda: keras.losses.BinaryCrossentropy(**smoothed),
        'meanSquaredError': keras.losses.MeanSquaredError,
        'meanAbsoluteError': keras.losses.MeanAbsoluteError,
        'huber': lambda: keras.losses.Huber(float(c['delta'])),
    }[c['kind']]()


def exact_rate(c, update):
    """The rate at which Keras' Adam takes the step of the formula: it takes 1 − β₂ᵗ in float32, of which some 1e-5 is wrong.

    update: from 0.
    """
    def factor(beta1, beta2, t):
        return (1 - beta2**t) ** 0.5 / (1 - beta1**t)

    def power(beta):
        return float(ops.convert_to_numpy(ops.power(ops.cast(beta, 'float32'), ops.cast(update + 1, 'float32'))))

    theirs = float(np.sqrt(np.float32(1 - power(c['beta2'])))) / float(np.float32(1 - power(c['beta1'])))
    return c['learningRate'] * factor(c['beta1'], c['beta2'], update + 1) / theirs


class Steps(keras.callbacks.Callback):
    """The loss of each step by itself, and the weights where they are wanted."""

    def on_train_batch_begin(self, batch, logs=None):
        self.model.reset_metrics()
        c = problem.compile['optimizer']
        if 'beta2' in c:
            self.model.optimizer.learning_rate = exact_rate(c, batch // c.get('gradientAccumulationSteps', 1))

    def on_train_batch_end(self, batch, logs=None):
        problem.losses.append(float(logs['loss']))
        problem.keep(batch + 1, self.model.get_weights)


model = keras.Sequential([keras.Input(problem.input_shape), *map(layer_of, problem.layers)])
model.compile(optimizer=optimizer_of(problem.compile['optimizer']), loss=loss_of(problem.compile['loss']))
model.set_weights(problem.weights)
problem.keep(0, model.get_weights)
x = problem.x.reshape(-1, *problem.input_shape)
initial = model.evaluate(x[:INITIAL_ROWS].astype(np.float32), problem.y[:INITIAL_ROWS], batch_size=INITIAL_ROWS, verbose=0)
rows = problem.order[:problem.steps * problem.batch_size].astype(np.int64)
model.fit(x[rows].astype(np.float32), problem.y[rows], batch_size=problem.batch_size, shuffle=False, verbose=0, callbacks=[Steps()])
backend = keras.backend.backend()
version = __import__(backend).__version__
problem.finish(f'Keras {keras.__version__} · {backend} {version}', float(initial))
