"""Writes models/: small models of the real Keras, and in predictions.json what they predict.

    python test/support/keras/models.py      # in a Python that has keras 3; KERAS_BACKEND=jax is the quickest
"""

import json
import pathlib

import h5py
import keras
import numpy as np
from keras import layers

keras.utils.set_random_seed(8)
folder = pathlib.Path(__file__).with_name("models")
folder.mkdir(exist_ok=True)
x = (np.arange(5 * 16).reshape(5, 4, 4, 1) * 37 % 256).astype("float32")


def stack():
    return [
        layers.Input((4, 4, 1)),
        layers.Rescaling(1 / 255),
        layers.Flatten(),
        layers.Dense(6, activation="gelu"),
        layers.Dropout(0.25),
        layers.Dense(5, use_bias=False),
        layers.ELU(),
        layers.Dense(4, activation="tanh", name="named"),
        layers.ReLU(),
        layers.Dense(3),
        layers.Softmax(),
    ]


def functional():
    first, *rest = stack()
    at = first
    for layer in rest:
        at = layer(at)
    return keras.Model(first, at)


def normalized():
    return [
        layers.Input((4, 4, 1)),
        layers.Rescaling(1 / 255),
        layers.BatchNormalization(axis=3, momentum=0.5),
        layers.Flatten(),
        layers.BatchNormalization(axis=1, scale=False),
        layers.Dense(6, use_bias=False),
        layers.BatchNormalization(name="named", epsilon=0.01),
        layers.ReLU(),
        layers.Dense(5),
        layers.BatchNormalization(center=False, trainable=False),
        layers.Dense(3, activation="softmax"),
    ]


def activated():
    return [
        layers.Input((4, 4, 1)),
        layers.Rescaling(1 / 255),
        layers.Flatten(),
        layers.Dense(6, activation="swish"),
        layers.Dense(6, activation="leaky_relu"),
        layers.Dense(6, activation="selu"),
        layers.LeakyReLU(),
        layers.Dense(6, activation="softplus"),
        layers.Activation("silu"),
        layers.Dense(6),
        layers.ReLU(negative_slope=0.25),
        layers.Dense(6),
        layers.Activation("leaky_relu"),
        layers.Dense(3, activation="softmax"),
    ]


sequential = keras.Sequential(stack())
sequential.compile(
    optimizer=keras.optimizers.AdamW(0.002, weight_decay=0.01, global_clipnorm=2.0),
    loss=keras.losses.SparseCategoricalCrossentropy(),
    metrics=["accuracy"],
)
graph = functional()
# Weights that tell the rows apart, biases that are not zero.
numbers = np.random.default_rng(1)
for model in (sequential, graph):
    model.set_weights([w + 0.5 * numbers.standard_normal(w.shape).astype("float32") for w in model.get_weights()])
sequential.save(folder / "sequential.keras")
sequential.save_weights(folder / "sequential.weights.h5")
graph.save(folder / "functional.keras")
trained = keras.Sequential(normalized())
trained.compile(optimizer="adam", loss="sparse_categorical_crossentropy")
trained.fit(x, np.arange(5) % 3, epochs=3, verbose=0)
trained.save(folder / "normalized.keras")
others = keras.Sequential(activated())
others.set_weights([w + 0.15 * numbers.standard_normal(w.shape).astype("float32") for w in others.get_weights()])
others.save(folder / "activated.keras")
predictions = {
    "keras": keras.__version__,
    "x": x.tolist(),
    "sequential": sequential.predict(x, verbose=0).tolist(),
    "functional": graph.predict(x, verbose=0).tolist(),
    "activated": others.predict(x, verbose=0).tolist(),
    "normalized": trained.predict(x, verbose=0).tolist(),
}
(folder / "predictions.json").write_text(json.dumps(predictions) + "\n")

# HDF5 that is whole and must be refused all the same.
bad = folder / "bad"
bad.mkdir(exist_ok=True)


def h5(name, fill):
    with h5py.File(bad / f"{name}.weights.h5", "w") as file:
        fill(file.create_group("layers/dense/vars"))


def virtual(group):
    layout = h5py.VirtualLayout((2, 2), "f4")
    layout[:] = h5py.VirtualSource("/etc/passwd", "x", shape=(2, 2))
    group.create_virtual_dataset("0", layout)


def circle(group):
    group["back"] = group.file["layers"]


def kernel(values, **options):
    return lambda group: group.create_dataset("0", data=values, **options)


ones = np.ones((2, 2), "float32")
h5("soft-link", lambda group: group.__setitem__("0", h5py.SoftLink("/layers")))
h5("external-link", lambda group: group.__setitem__("0", h5py.ExternalLink("/etc/passwd", "/")))
h5("virtual", virtual)
h5("circle", circle)
h5("compressed", kernel(ones, compression="gzip"))
h5("integers", kernel(ones.astype("int64")))
h5("big-endian", kernel(ones.astype(">f4")))
h5("text", kernel("text"))
h5("huge", lambda group: group.create_dataset("0", (2**40,), "f4", chunks=(2**20,)))
h5("outside", lambda group: group.create_dataset("0", (2, 2), "f4", external=[("/etc/passwd", 0, 16)]))
h5("one-missing", kernel(ones))
h5("wrong-shape", kernel(np.ones((3, 2), "float32")))
h5("not-finite", lambda group: (kernel(ones * np.nan)(group), group.create_dataset("1", data=ones[0])))
