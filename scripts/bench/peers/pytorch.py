"""The flagship as a PyTorch user writes it: tensors in memory, batches by index, one validation an epoch.

usage: pytorch.py eager|fused|compile --epochs N --threads N --seed N MNIST_FOLDER
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
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)

    x = read(args.folder, 'train-images-idx3-ubyte', 16).view(60000, 784).float() / 255
    y = read(args.folder, 'train-labels-idx1-ubyte', 8).long()
    test_x = read(args.folder, 't10k-images-idx3-ubyte', 16).view(10000, 784).float() / 255
    test_y = read(args.folder, 't10k-labels-idx1-ubyte', 8).long()
    rows = 48000  # the last fifth validates

    model = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
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

    if args.mode == 'compile':  # compiling is not training
        state = [p.detach().clone() for p in model.parameters()]
        for _ in range(20):
            step(x[:32], y[:32])
        with torch.no_grad():
            for p, kept in zip(model.parameters(), state):
                p.copy_(kept)
        optimizer = torch.optim.Adam(model.parameters(), eps=1e-7, fused=True)

    training = 0.0
    start = time.perf_counter()
    for _ in range(args.epochs):
        epoch_start = time.perf_counter()
        order = torch.randperm(rows)
        total, correct = torch.zeros(()), torch.zeros((), dtype=torch.long)
        for first in range(0, rows, 32):
            index = order[first:first + 32]
            loss, right = step(x[index], y[index])
            total += loss
            correct += right
        training += time.perf_counter() - epoch_start
        with torch.no_grad():
            for first in range(rows, 60000, 32):
                objective(x[first:first + 32], y[first:first + 32])
    seconds = time.perf_counter() - start
    with torch.no_grad():
        accuracy = (model(test_x).argmax(1) == test_y).float().mean().item()
    print(json.dumps({
        'fitSeconds': seconds,
        'stepMicroseconds': training / (args.epochs * 1500) * 1e6,
        'loss': (total / 1500).item(),
        'testAccuracy': accuracy,
        'versions': {'torch': torch.__version__},
    }))


main()
