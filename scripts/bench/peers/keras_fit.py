"""Training in Keras, on TensorFlow or JAX: as people write it, or in its best mode.

usage: keras_fit.py tensorflow|jax MNIST_FOLDER --epochs N --threads N --seed N [--steps-per-execution N] [--layers 128] [--batch-size 32]
Prints one JSON line: seconds of model.fit, microseconds a step (validation included, as fit gives no other), loss and accuracy.
"""
import argparse
import json
import os
import time

parser = argparse.ArgumentParser()
parser.add_argument('backend', choices=['tensorflow', 'jax'])
parser.add_argument('folder')
parser.add_argument('--epochs', type=int, default=10)
parser.add_argument('--threads', type=int, default=2)
parser.add_argument('--seed', type=int, default=7)
parser.add_argument('--steps-per-execution', type=int, default=1)
parser.add_argument('--layers', default='128')
parser.add_argument('--batch-size', type=int, default=32)
args = parser.parse_args()
size = args.batch_size
os.environ['KERAS_BACKEND'] = args.backend
os.environ['TF_CPP_MIN_LOG_LEVEL'] = '2'
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: args.threads])

import keras  # noqa: E402
from mnist import load  # noqa: E402

keras.utils.set_random_seed(args.seed)
train_x, train_y, test_x, test_y = load(args.folder)
train_x, test_x = train_x.reshape(-1, 28, 28, 1), test_x.reshape(-1, 28, 28, 1)
train_y, test_y = keras.utils.to_categorical(train_y), keras.utils.to_categorical(test_y)


def build():
    model = keras.Sequential([
        keras.layers.Input((28, 28, 1)),
        keras.layers.Flatten(),
        *(keras.layers.Dense(int(units), activation='relu') for units in args.layers.split(',')),
        keras.layers.Dense(10, activation='softmax'),
    ])
    best = {'jit_compile': True, 'steps_per_execution': args.steps_per_execution} if args.steps_per_execution > 1 else {}
    model.compile(optimizer='adam', loss='categorical_crossentropy', metrics=['accuracy'], **best)
    return model


model = build()
if args.backend == 'tensorflow':
    # With a global seed TensorFlow shuffles every epoch into the same order, which costs a quarter of a point of accuracy.
    import tensorflow
    tensorflow.random.set_seed(None)
initial = model.get_weights()
rows = max(6400, size * args.steps_per_execution * 4)
model.fit(train_x[:rows], train_y[:rows], epochs=1, batch_size=size, validation_split=0.2, verbose=0)  # compiling is not training
model.set_weights(initial)
for variable in model.optimizer.variables:
    if variable is not model.optimizer._learning_rate:
        variable.assign(variable * 0)
start = time.perf_counter()
history = model.fit(train_x, train_y, epochs=args.epochs, batch_size=size, validation_split=0.2, verbose=0)
seconds = time.perf_counter() - start
print(json.dumps({
    'fitSeconds': seconds,
    'stepMicroseconds': seconds / (args.epochs * -(-48000 // size)) * 1e6,
    'loss': history.history['loss'][-1],
    'testAccuracy': float(model.evaluate(test_x, test_y, verbose=0)[1]),
    'versions': {'keras': keras.__version__, args.backend: __import__(args.backend).__version__},
}))
