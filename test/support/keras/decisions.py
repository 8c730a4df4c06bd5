"""Writes decisions.json: what Keras' own callbacks and schedules decide, epoch by epoch, on sequences of losses.

    python test/support/keras/decisions.py      # in a Python that has keras 3; KERAS_BACKEND=jax is the quickest
"""

import json
import pathlib
import random
import tempfile

import keras
import numpy as np

EPOCHS = 24
draw = random.Random(8)


def sequence():
    """Falls, stays, rises and repeats itself; float32 values, as losses are."""
    value, values = draw.uniform(0.5, 2), []
    for _ in range(EPOCHS):
        value = max(0.01, value + draw.choice([-0.2, -0.05, -0.0001, 0, 0, 0.0001, 0.05, 0.1]))
        values.append(float(np.float32(value)))
    return values


def model(rate):
    made = keras.Sequential([keras.layers.Input((1,)), keras.layers.Dense(1)])
    made.compile(optimizer=keras.optimizers.SGD(learning_rate=rate), loss="mse")
    return made


def run(callback, of, losses):
    """Calls the callback as fit does; returns the rate after each epoch that was run."""
    callback.set_model(of)
    callback.set_params({})
    of.stop_training = False
    rates = []
    callback.on_train_begin()
    for epoch, loss in enumerate(losses):
        callback.on_epoch_begin(epoch)
        callback.on_epoch_end(epoch, {"loss": loss, "val_loss": loss})
        rates.append(float(np.float32(of.optimizer.learning_rate)))
        if of.stop_training:
            break
    return rates


def early_stopping():
    options = {
        "patience": draw.randrange(5),
        "minDelta": draw.choice([0, 0, 0.0001, 0.05]),
        "mode": draw.choice(["auto", "min", "max"]),
        "startFromEpoch": draw.choice([0, 0, 0, 3]),
        "baseline": draw.choice([None, None, 0.8]),
    }
    losses = sequence()
    callback = keras.callbacks.EarlyStopping(
        patience=options["patience"],
        min_delta=options["minDelta"],
        mode=options["mode"],
        start_from_epoch=options["startFromEpoch"],
        baseline=options["baseline"],
        restore_best_weights=True,
    )
    epochs = len(run(callback, model(0.1), losses))
    options = {key: value for key, value in options.items() if value is not None}
    return {"options": options, "losses": losses, "epochs": epochs, "bestEpoch": callback.best_epoch}


def plateau():
    options = {
        "patience": draw.randrange(4),
        "factor": draw.choice([0.1, 0.5]),
        "minDelta": draw.choice([0.0001, 0, 0.05]),
        "cooldown": draw.choice([0, 0, 1, 3]),
        "minLearningRate": draw.choice([0, 0.01]),
        "mode": draw.choice(["auto", "max"]),
    }
    losses = sequence()
    callback = keras.callbacks.ReduceLROnPlateau(
        patience=options["patience"],
        factor=options["factor"],
        min_delta=options["minDelta"],
        cooldown=options["cooldown"],
        min_lr=options["minLearningRate"],
        mode=options["mode"],
    )
    return {"options": options, "losses": losses, "rates": run(callback, model(0.1), losses)}


def schedule(name, options, made):
    steps = [0, 1, 2, 7, 49, 50, 51, 99, 100, 101, 149, 150, 500]
    return {
        "name": name,
        "options": options,
        "steps": steps,
        "rates": [float(np.float32(made(step))) for step in steps],
    }


def schedules():
    decay = keras.optimizers.schedules
    by_epoch = run(keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.9 if epoch else rate), model(0.1), [1.0] * 6)
    return {
        "byEpoch": by_epoch,
        "bySteps": [
            schedule("step", {"rate": 0.1, "every": 50, "factor": 0.5}, decay.ExponentialDecay(0.1, 50, 0.5, staircase=True)),
            schedule("exponential", {"rate": 0.1, "steps": 50, "decay": 0.9}, decay.ExponentialDecay(0.1, 50, 0.9)),
            schedule("cosine", {"rate": 0.1, "steps": 100}, decay.CosineDecay(0.1, 100)),
            schedule("cosine", {"rate": 0.1, "steps": 100, "alpha": 0.1}, decay.CosineDecay(0.1, 100, alpha=0.1)),
            schedule(
                "cosine",
                {"rate": 0.1, "steps": 100, "warmupSteps": 50, "from": 0.01},
                decay.CosineDecay(0.01, 100, warmup_target=0.1, warmup_steps=50),
            ),
            schedule(
                "piecewise",
                {"boundaries": [50, 100], "values": [0.1, 0.05, 0.01]},
                decay.PiecewiseConstantDecay([50, 100], [0.1, 0.05, 0.01]),
            ),
        ],
    }


def csv():
    """What CSVLogger writes of these logs."""
    rows = [
        {"loss": 0.1, "accuracy": 1.0, "val_loss": 1e-05, "val_accuracy": 0.0},
        {"loss": 123456.0, "accuracy": float(np.float32(0.1)), "val_loss": 1e16, "val_accuracy": 0.0001},
        {"loss": 5e-324, "accuracy": 1.5e300, "val_loss": 1234567890123456.0, "val_accuracy": 2.5e-10},
    ]
    text = {}
    for name, logs in {"whole": rows, "unvalidated": [{"loss": row["loss"]} for row in rows]}.items():
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder, "log.csv")
            callback = keras.callbacks.CSVLogger(str(file))
            callback.on_train_begin()
            for epoch, row in enumerate(logs):
                callback.on_epoch_end(epoch, row)
            callback.on_train_end()
            text[name] = {"rows": logs, "text": file.read_bytes().decode()}
    return text


document = {
    "keras": keras.__version__,
    "earlyStopping": [early_stopping() for _ in range(60)],
    "plateau": [plateau() for _ in range(40)],
    "schedules": schedules(),
    "csv": csv(),
}
file = pathlib.Path(__file__).with_name("decisions.json")
file.write_text(json.dumps(document) + "\n")
