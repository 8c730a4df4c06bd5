"""PyTorch trains what `fusor verify` trains: its own layers, losses and optimisers, from our weights in our order.

usage: torch_witness.py REQUEST.json (see problem.py). torch.optim.Adam divides by √v/√(1−β2ᵗ) + eps, where Keras' formula,
the contract's, has (√v + ε)/√(1−β2ᵗ): before each step its eps is set to ε/√(1−β2ᵗ). The two then are the same formula,
and the contract's tolerances hold for this witness as for any other.
"""
import numpy as np
import torch
from problem import INITIAL_ROWS, Problem
from torch import nn
from torch.nn import functional as F

problem = Problem()
plan, config = problem.plan, problem.compile['optimizer']


class Rescaling(nn.Module):
    def __init__(self, scale, offset):
        super().__init__()
        self.scale, self.offset = scale, offset

    def forward(self, x):
        return x * self.scale + self.offset


class BatchNorm(nn.Module):
    """Of the last axis; the moving variance is of the batch's as it is, where nn.BatchNorm1d takes n / (n - 1) of it."""

    def __init__(self, channels, momentum, epsilon, frozen):
        super().__init__()
        self.channels, self.momentum, self.epsilon, self.frozen = channels, momentum, epsilon, frozen
        self.gamma = self.beta = None

    def forward(self, x):
        rows = x.reshape(-1, self.channels)
        if self.frozen or not self.training:
            y = F.batch_norm(rows, self.mean, self.variance, self.gamma, self.beta, False, 0.0, self.epsilon)
            return y.reshape(x.shape)
        with torch.no_grad():
            self.mean.lerp_(rows.mean(0), 1 - self.momentum)
            self.variance.lerp_(rows.var(0, unbiased=False), 1 - self.momentum)
        return F.batch_norm(rows, None, None, self.gamma, self.beta, True, 0.0, self.epsilon).reshape(x.shape)


def activation_of(name, negative_slope=None):
    return {'linear': nn.Identity, 'relu': nn.ReLU, 'sigmoid': nn.Sigmoid, 'tanh': nn.Tanh, 'elu': nn.ELU, 'gelu': nn.GELU,
            'softmax': lambda: nn.Softmax(dim=1), 'silu': nn.SiLU, 'selu': nn.SELU, 'softplus': nn.Softplus,
            'leakyRelu': lambda: nn.LeakyReLU(negative_slope)}[name]()


modules, weights, kept = [], iter(problem.weights), []


def taken(trainable=True, transposed=False):
    """The next of our weights as a parameter; kept in our order."""
    own = next(weights)
    parameter = nn.Parameter(torch.from_numpy((own.T if transposed else own).copy()), requires_grad=trainable)
    kept.append(parameter)
    return parameter


for layer in plan['layers']:
    if layer['kind'] == 'rescaling':
        modules.append(Rescaling(layer['scale'], layer['offset']))
    elif layer['kind'] == 'activation':
        modules.append(activation_of(layer['activation'], layer.get('negativeSlope')))
    elif layer['kind'] == 'batchNormalization':
        trainable = layer.get('trainable', True)
        norm = BatchNorm(layer['channels'], layer['momentum'], layer['epsilon'], not trainable)
        if layer['scale']:
            norm.gamma = taken(trainable)
        if layer['center']:
            norm.beta = taken(trainable)
        norm.mean, norm.variance = taken(False), taken(False)
        modules.append(norm)
    else:
        trainable = layer.get('trainable', True)
        dense = nn.Linear(layer['inputs'], layer['outputs'], bias=layer['useBias'])
        dense.weight = taken(trainable, transposed=True)
        if layer['useBias']:
            dense.bias = taken(trainable)
        modules += [dense, activation_of(layer['activation'])]
model, output = nn.Sequential(*modules), activation_of(plan['output'])

SMOOTHING = plan['loss'].get('labelSmoothing', 0.0)
LOSSES = {
    'categoricalCrossentropy': lambda logits, y: F.cross_entropy(logits, y, label_smoothing=SMOOTHING),
    'sparseCategoricalCrossentropy': F.cross_entropy,
    'binaryCrossentropy': lambda logits, y: F.binary_cross_entropy_with_logits(logits, y * (1 - SMOOTHING) + SMOOTHING / 2),
    'meanSquaredError': lambda logits, y: F.mse_loss(output(logits), y),
    'meanAbsoluteError': lambda logits, y: F.l1_loss(output(logits), y),
    'huber': lambda logits, y: F.huber_loss(output(logits), y, delta=plan['loss']['delta']),
}


trained = [p for p in model.parameters() if p.requires_grad]


def optimizer_of(c):
    if c['kind'] == 'sgd':
        return torch.optim.SGD(trained, c['learningRate'], momentum=c['momentum'], nesterov=c['nesterov'])
    moments = {'lr': c['learningRate'], 'betas': (c['beta1'], c['beta2']), 'eps': c['epsilon']}
    if c['kind'] == 'adamw':
        return torch.optim.AdamW(trained, weight_decay=c['weightDecay'], **moments)
    return torch.optim.Adam(trained, **moments)


optimizer = optimizer_of(config)


def objective(rows):
    y = problem.y[rows].astype(np.int64) if plan['targets'] == 'labels' else problem.y[rows]
    return LOSSES[plan['loss']['kind']](model(torch.from_numpy(problem.x[rows].astype(np.float32))), torch.from_numpy(y))


def clip():
    """Keras' global norm; torch.nn.utils.clip_grad_norm_ adds 1e-6 to the norm."""
    norm = torch.linalg.vector_norm(torch.cat([p.grad.ravel().double() for p in trained]))
    if norm > config['clipNorm']:
        for p in trained:
            p.grad.mul_(config['clipNorm'] / norm)


def weights_now():
    return [p.detach().numpy().T if p.ndim == 2 else p.detach().numpy() for p in kept]


problem.keep(0, weights_now)
model.eval()
with torch.no_grad():
    initial = objective(np.arange(min(INITIAL_ROWS, len(problem.x)))).item()
model.train()
for step in range(problem.steps):
    if 'beta2' in config:
        optimizer.param_groups[0]['eps'] = config['epsilon'] / (1 - config['beta2'] ** (step + 1)) ** 0.5
    optimizer.zero_grad()
    loss = objective(problem.batch(step))
    loss.backward()
    if 'clipNorm' in config:
        clip()
    optimizer.step()
    problem.losses.append(loss.item())
    problem.keep(step + 1, weights_now)
problem.finish(f'PyTorch {torch.__version__}', initial)
