"""What `fusor verify` asks of a witness, and where the answer goes.

The request is a JSON file {data, folder, snapshots, epoch}: `data` is a folder with problem.json, x.bin, y.bin,
order.bin (uint32 rows in training order) and weights-0.f32; the answer goes to `folder` as trace.json and
weights-N.f32, the weights after N steps. All files are little-endian; a kernel is [inputs, outputs].
"""
import json
import os
import sys

import numpy as np

INITIAL_ROWS = 1024


def refuse(message):
    print(json.dumps({'code': 'ERR_UNSUPPORTED', 'message': message}))
    sys.exit(1)


def shapes_of(layer):
    """Of a layer's parameters, in our order."""
    if layer['kind'] == 'dense':
        return [(layer['inputs'], layer['outputs'])] + ([(layer['outputs'],)] if layer['useBias'] else [])
    if layer['kind'] == 'batchNormalization':
        return [(layer['channels'],)] * (layer['scale'] + layer['center'] + 2)
    return []


class Problem:
    def __init__(self):
        with open(sys.argv[1], encoding='utf-8') as file:
            request = json.load(file)
        self.folder, self.snapshots, self.epoch = request['folder'], request['snapshots'], request['epoch']
        folder = request['data']
        with open(os.path.join(folder, 'problem.json'), encoding='utf-8') as file:
            problem = json.load(file)
        self.plan, self.layers, self.compile = problem['plan'], problem['layers'], problem['compile']
        self.batch_size, self.input_shape = problem['batchSize'], problem['inputShape']
        rows = problem['rows']
        size = os.path.getsize(os.path.join(folder, 'x.bin')) // (rows * self.plan['features'])
        x = np.fromfile(os.path.join(folder, 'x.bin'), np.uint8 if size == 1 else np.float32)
        self.x = x.reshape(rows, self.plan['features'])
        labels = self.plan['targets'] == 'labels'
        y = np.fromfile(os.path.join(folder, 'y.bin'), np.int32 if labels else np.float32)
        self.y = y if labels else y.reshape(rows, self.plan['outputs'])
        self.order = np.fromfile(os.path.join(folder, 'order.bin'), np.uint32)
        flat, at = np.fromfile(os.path.join(folder, 'weights-0.f32'), np.float32), 0
        self.weights = []
        for layer in self.plan['layers']:
            for shape in shapes_of(layer):
                self.weights.append(flat[at:at + int(np.prod(shape))].reshape(shape).copy())
                at += int(np.prod(shape))
        self.batches = -(-len(self.order) // self.batch_size)
        self.steps = self.batches if self.epoch else min(self.snapshots[-1], self.batches)
        self.losses, self.kept = [], []

    def batch(self, step):
        """Rows of the batch of a step, counted from 0."""
        return self.order[step * self.batch_size:(step + 1) * self.batch_size].astype(np.int64)

    def keep(self, step, weights):
        """After `step` steps; `weights` gives the arrays and is called only when they are wanted."""
        if step == 0 or step in self.snapshots or (self.epoch and step == self.batches):
            flat = np.concatenate([np.asarray(w, np.float32).ravel() for w in weights()])
            flat.tofile(os.path.join(self.folder, f'weights-{step}.f32'))
            self.kept.append(step)

    def finish(self, ran_on, initial_loss):
        epoch = None
        if self.epoch:
            sizes = [len(self.batch(step)) for step in range(self.batches)]
            mean = float(np.dot(np.float64(self.losses), sizes) / len(self.order))
            epoch = {'losses': self.losses, 'loss': mean}
        trace = {'ranOn': ran_on, 'losses': self.losses, 'initialLoss': initial_loss, 'snapshots': self.kept, 'epoch': epoch}
        temp = os.path.join(self.folder, 'trace.json.tmp')
        with open(temp, 'w', encoding='utf-8') as file:
            json.dump(trace, file)
        os.rename(temp, os.path.join(self.folder, 'trace.json'))
