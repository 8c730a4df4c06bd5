"""Training on a GPU as a PyTorch user writes it: data on the device, batches by index, one look at the loss an epoch.

usage: pytorch_cuda.py eager|compile|graphs MNIST_FOLDER [--device cuda] --epochs N --seed N [--layers 128] [--batch-size 32]
       … --net 4096-4096-4096 --steps N [--precision fp32|tf32|bf16]: random rows instead, no validation
graphs: one step captured in a CUDA graph, replayed. Adam is fused in all of them, capturable in graphs.
Prints one JSON line: fit seconds (training, metrics and validation), microseconds a step, loss and accuracy.
"""
import argparse
import contextlib
import json
import os
import time

import torch
from torch import nn
from torch.nn import functional as F

parser = argparse.ArgumentParser()
parser.add_argument('mode', choices=['eager', 'compile', 'graphs'])
parser.add_argument('folder')
parser.add_argument('--device', default='cuda')
parser.add_argument('--epochs', type=int, default=10)
parser.add_argument('--seed', type=int, default=7)
parser.add_argument('--layers', default='128')
parser.add_argument('--batch-size', type=int, default=32)
parser.add_argument('--net')
parser.add_argument('--steps', type=int, default=50)
parser.add_argument('--precision', choices=['fp32', 'tf32', 'bf16'], default='fp32')
args = parser.parse_args()
torch.manual_seed(args.seed)
torch.backends.cuda.matmul.allow_tf32 = args.precision == 'tf32'
device, size = torch.device(args.device), args.batch_size
wait = torch.cuda.synchronize if device.type == 'cuda' else lambda: None


def read(name, offset):
    with open(os.path.join(args.folder, name), 'rb') as file:
        return torch.frombuffer(bytearray(file.read()[offset:]), dtype=torch.uint8).to(device)


if args.net:
    widths = [int(width) for width in args.net.split('-')]
    x = torch.rand(args.steps * size, widths[0], device=device)
    y = torch.randint(widths[-1], (len(x),), device=device)
    rows, args.epochs = len(x), 2
else:
    widths = [784, *(int(width) for width in args.layers.split(',')), 10]
    x = read('train-images-idx3-ubyte', 16).view(60000, 784).float() / 255
    y = read('train-labels-idx1-ubyte', 8).long()
    test_x = read('t10k-images-idx3-ubyte', 16).view(10000, 784).float() / 255
    test_y = read('t10k-labels-idx1-ubyte', 8).long()
    rows = 48000  # the last fifth validates

dense = [[nn.Linear(a, b), nn.ReLU()] for a, b in zip(widths, widths[1:])]
model = nn.Sequential(*[layer for pair in dense for layer in pair][:-1]).to(device)  # no ReLU at the end
optimizer = torch.optim.Adam(model.parameters(), eps=1e-7, fused=True, capturable=args.mode == 'graphs')
half = torch.autocast(device.type, torch.bfloat16) if args.precision == 'bf16' else contextlib.nullcontext()


def objective(batch, labels):
    with half:
        logits = model(batch)
    return F.cross_entropy(logits.float(), labels), (logits.argmax(1) == labels).sum()


forward = torch.compile(objective) if args.mode == 'compile' else objective
total, correct = torch.zeros((), device=device), torch.zeros((), dtype=torch.long, device=device)
index = torch.arange(size, device=device)


def work():
    loss, right = forward(x[index], y[index])
    optimizer.zero_grad(set_to_none=args.mode != 'graphs')
    loss.backward()
    optimizer.step()
    total.add_(loss.detach())
    correct.add_(right)


# Compiling and capturing are not training: what they did is undone, and no figure has them.
kept = [p.detach().clone() for p in model.parameters()]
stream = torch.cuda.Stream() if device.type == 'cuda' else None
with torch.cuda.stream(stream) if stream else contextlib.nullcontext():
    for _ in range(5):
        work()
wait()
step = work
if args.mode == 'graphs':
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        work()
    step = graph.replay
with torch.no_grad():
    for p, value in zip(model.parameters(), kept):
        p.copy_(value)
    for state in optimizer.state.values():
        for value in state.values():
            value.zero_()

steps = rows // size
training = 0.0
wait()
start = time.perf_counter()
for _ in range(args.epochs):
    begun = time.perf_counter()
    order = torch.randperm(rows, device=device)
    total.zero_()
    correct.zero_()
    for first in range(0, steps * size, size):
        index.copy_(order[first:first + size])
        step()
    loss = total.item() / steps
    training = (time.perf_counter() - begun) if args.net else training + time.perf_counter() - begun
    with torch.no_grad():
        for first in range(rows, len(x), size):
            objective(x[first:first + size], y[first:first + size])
wait()
seconds = time.perf_counter() - start
with torch.no_grad():
    accuracy = None if args.net else (model(test_x).argmax(1) == test_y).float().mean().item()
print(json.dumps({
    'fitSeconds': None if args.net else seconds,
    'stepMicroseconds': training / (steps if args.net else args.epochs * steps) * 1e6,
    'loss': loss,
    'testAccuracy': accuracy,
    'versions': {'torch': torch.__version__},
}))
