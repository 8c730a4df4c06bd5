"""Training as a PyTorch user writes it: tensors in memory, batches by index, one validation an epoch.

usage: pytorch.py eager|fused|compile MNIST_FOLDER --epochs N --threads N --seed N [--layers 128] [--batch-size 32]
       … --net 4096-4096-4096 --steps N: random rows instead, no validation
Prints one JSON line: fit seconds (training, metrics and validation), microseconds a step, loss and accuracy.
"""
import argparse
import json
import os
import time

import torch
from torch import nn
from torch.nn import functional as F


def read(folder, name, offset):
    with open(os.path.join(folder, name), 'rb') as file:
        return torch.frombuffer(bytearray(file.read()[offset:]), dtype=torch.uint8)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('mode', choices=['eager', 'fused', 'compile'])
    parser.add_argument('folder')
    parser.add_argument('--epochs', type=int, default=10)
    parser.add_argument('--threads', type=int, default=2)
    parser.add_argument('--seed', type=int, default=7)
    parser.add_argument('--layers', default='128')
    parser.add_argument('--batch-size', type=int, default=32)
    parser.add_argument('--net')
    parser.add_argument('--steps', type=int)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)

    size = args.batch_size
    if args.net:
        widths = [int(width) for width in args.net.split('-')]
        rows = args.steps * size
        x, y = torch.rand(rows, widths[0]), torch.randint(widths[-1], (rows,))
    else:
        widths = [784, *(int(width) for width in args.layers.split(',')), 10]
        x = read(args.folder, 'train-images-idx3-ubyte', 16).view(60000, 784).float() / 255
        y = read(args.folder, 'train-labels-idx1-ubyte', 8).long()
        test_x = read(args.folder, 't10k-images-idx3-ubyte', 16).view(10000, 784).float() / 255
        test_y = read(args.folder, 't10k-labels-idx1-ubyte', 8).long()
        rows = 48000  # the last fifth validates

    dense = [[nn.Linear(a, b), nn.ReLU()] for a, b in zip(widths, widths[1:])]
    model = nn.Sequential(*[layer for pair in dense for layer in pair][:-1])  # no ReLU at the end
    optimizer = torch.optim.Adam(model.parameters(), eps=1e-7, fused=args.mode != 'eager')

    def objective(batch, labels):
        logits = model(batch)
        return F.cross_entropy(logits, labels), (logits.argmax(1) == labels).sum()

    forward = torch.compile(objective) if args.mode == 'compile' else objective

    def step(batch, labels):
        optimizer.zero_grad()
        loss, correct = forward(batch, labels)
        loss.backward()
        optimizer.step()
        return loss.detach(), correct

    if args.mode == 'compile' or args.net:  # compiling, or the first touch of memory, is not training
        state = [p.detach().clone() for p in model.parameters()]
        for _ in range(2 if args.net else 20):
            step(x[:size], y[:size])
        with torch.no_grad():
            for p, kept in zip(model.parameters(), state):
                p.copy_(kept)
        if not args.net:
            optimizer = torch.optim.Adam(model.parameters(), eps=1e-7, fused=args.mode != 'eager')

    if args.net:
        args.epochs = 1
    steps = -(-rows // size)
    training = 0.0
    start = time.perf_counter()
    for _ in range(args.epochs):
        epoch_start = time.perf_counter()
        order = torch.randperm(rows)
        total, correct = torch.zeros(()), torch.zeros((), dtype=torch.long)
        for first in range(0, rows, size):
            index = order[first:first + size]
            loss, right = step(x[index], y[index])
            total += loss
            correct += right
        training += time.perf_counter() - epoch_start
        with torch.no_grad():
            for first in range(rows, len(x), size):
                objective(x[first:first + size], y[first:first + size])
    seconds = time.perf_counter() - start
    with torch.no_grad():
        accuracy = None if args.net else (model(test_x).argmax(1) == test_y).float().mean().item()
    print(json.dumps({
        'fitSeconds': None if args.net else seconds,
        'stepMicroseconds': training / (args.epochs * steps) * 1e6,
        'loss': (total / steps).item(),
        'testAccuracy': accuracy,
        'versions': {'torch': torch.__version__},
    }))


main()
