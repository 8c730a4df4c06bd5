"""The unpacked MNIST files as arrays: float32 images in [0, 1], integer labels."""
import os

import numpy as np


def load(folder):
    def read(name, offset):
        return np.fromfile(os.path.join(folder, name), dtype=np.uint8)[offset:]

    def images(name):
        return read(name, 16).reshape(-1, 784).astype('float32') / 255

    return (images('train-images-idx3-ubyte'), read('train-labels-idx1-ubyte', 8).astype('int64'),
            images('t10k-images-idx3-ubyte'), read('t10k-labels-idx1-ubyte', 8).astype('int64'))
