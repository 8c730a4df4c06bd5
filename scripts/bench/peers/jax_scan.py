"""Training as a JAX user writes it for speed: one jitted lax.scan an epoch, optax Adam, data on the device.

usage: jax_scan.py MNIST_FOLDER --epochs N --threads N --seed N [--layers 128] [--batch-size 32]
       … --net 4096-4096-4096 --steps N: random rows instead, no validation
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
parser.add_argument('--layers', default='128')
parser.add_argument('--batch-size', type=int, default=32)
parser.add_argument('--net')
parser.add_argument('--steps', type=int)
args = parser.parse_args()
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: args.threads])  # XLA takes as many threads as cores it may use

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402
import optax  # noqa: E402
from mnist import load  # noqa: E402

size = args.batch_size
if args.net:
    widths = [int(width) for width in args.net.split('-')]
    draw = np.random.default_rng(args.seed)
    x = jnp.array(draw.random((args.steps * size, widths[0]), dtype=np.float32))
    y = jnp.array(draw.integers(widths[-1], size=len(x)))
    args.epochs = 1
else:
    widths = [784, *(int(width) for width in args.layers.split(',')), 10]
    train_x, train_y, test_x, test_y = (jnp.array(a) for a in load(args.folder))
    x, y, val_x, val_y = train_x[:48000], train_y[:48000], train_x[48000:], train_y[48000:]
steps = len(x) // size  # a scan has no smaller last batch
glorot = jax.nn.initializers.glorot_uniform()
keys = jax.random.split(jax.random.PRNGKey(args.seed), len(widths))
params = [(glorot(key, (a, b)), jnp.zeros(b)) for key, a, b in zip(keys, widths, widths[1:])]
adam = optax.adam(1e-3, eps=1e-7)
state = adam.init(params)


def logits(p, batch):
    for w, b in p[:-1]:
        batch = jax.nn.relu(batch @ w + b)
    w, b = p[-1]
    return batch @ w + b


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
    return jnp.array(random.permutation(len(x))[: steps * size].reshape(steps, size))


epoch(params, state, order())[2].block_until_ready()  # compiling is not training
if not args.net:
    validate(params)[0].block_until_ready()
training = 0.0
start = time.perf_counter()
for _ in range(args.epochs):
    epoch_start = time.perf_counter()
    params, state, loss, accuracy = epoch(params, state, order())
    loss.block_until_ready()
    training += time.perf_counter() - epoch_start
    if not args.net:
        validate(params)[0].block_until_ready()
seconds = time.perf_counter() - start
print(json.dumps({
    'fitSeconds': None if args.net else seconds,
    'stepMicroseconds': training / (args.epochs * steps) * 1e6,
    'loss': float(loss),
    'testAccuracy': None if args.net else float((logits(params, test_x).argmax(1) == test_y).mean()),
    'versions': {'jax': jax.__version__, 'optax': optax.__version__},
}))
