"""The flagship as a JAX user writes it for speed: one jitted lax.scan an epoch, optax Adam, data on the device.

usage: jax_scan.py MNIST_FOLDER --epochs N --threads N --seed N
Prints one JSON line: fit seconds (training, accuracy and validation), microseconds a step, loss and accuracy.
"""
import argparse
import json
import os
import time

parser = argparse.ArgumentParser()
parser.add_argument('folder')
parser.add_argument('--epochs', type=int, default=10)
parser.add_argument('--threads', type=int, default=2)
parser.add_argument('--seed', type=int, default=7)
args = parser.parse_args()
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: args.threads])  # XLA takes as many threads as cores it may use

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402
import optax  # noqa: E402
from mnist import load  # noqa: E402

train_x, train_y, test_x, test_y = (jnp.array(a) for a in load(args.folder))
x, y, val_x, val_y = train_x[:48000], train_y[:48000], train_x[48000:], train_y[48000:]
key1, key2 = jax.random.split(jax.random.PRNGKey(args.seed))
glorot = jax.nn.initializers.glorot_uniform()
params = {'w1': glorot(key1, (784, 128)), 'b1': jnp.zeros(128), 'w2': glorot(key2, (128, 10)), 'b2': jnp.zeros(10)}
adam = optax.adam(1e-3, eps=1e-7)
state = adam.init(params)


def logits(p, batch):
    return jax.nn.relu(batch @ p['w1'] + p['b1']) @ p['w2'] + p['b2']


def objective(p, batch, labels):
    z = logits(p, batch)
    return optax.softmax_cross_entropy_with_integer_labels(z, labels).mean(), (z.argmax(1) == labels).mean()


@jax.jit
def epoch(p, s, order):
    def step(carry, index):
        p, s = carry
        (loss, accuracy), gradient = jax.value_and_grad(objective, has_aux=True)(p, x[index], y[index])
        updates, s = adam.update(gradient, s)
        return (optax.apply_updates(p, updates), s), (loss, accuracy)

    (p, s), (losses, accuracies) = jax.lax.scan(step, (p, s), order)
    return p, s, losses.mean(), accuracies.mean()


@jax.jit
def validate(p):
    return objective(p, val_x, val_y)


random = np.random.default_rng(args.seed)


def order():
    return jnp.array(random.permutation(48000).reshape(1500, 32))


epoch(params, state, order())[2].block_until_ready()  # compiling is not training
validate(params)[0].block_until_ready()
training = 0.0
start = time.perf_counter()
for _ in range(args.epochs):
    epoch_start = time.perf_counter()
    params, state, loss, accuracy = epoch(params, state, order())
    loss.block_until_ready()
    training += time.perf_counter() - epoch_start
    validate(params)[0].block_until_ready()
seconds = time.perf_counter() - start
print(json.dumps({
    'fitSeconds': seconds,
    'stepMicroseconds': training / (args.epochs * 1500) * 1e6,
    'loss': float(loss),
    'testAccuracy': float((logits(params, test_x).argmax(1) == test_y).mean()),
    'versions': {'jax': jax.__version__, 'optax': optax.__version__},
}))
