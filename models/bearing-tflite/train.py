"""Train bearing-tflite, a 1-D CNN, and quantise it to int8 with TensorFlow's own tool, as a phone's model would be.

Writes model.tflite and its data for `edgectl model build`:
.train/bin/python models/bearing-tflite/train.py [--out DIR] [--quick]
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

# Before TensorFlow is imported, which otherwise looks for a GPU and says at length that there is none.
os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1", "KERAS_BACKEND": "tensorflow"}

import keras
import tensorflow as tf
from keras import layers

from vibration import LABELS, SAMPLES, Floats, windows

HERE = Path(__file__).parent
SEED = 31
BATCH = 64
# Windows that the quantiser takes the ranges of activations from.
RANGES = 200


@dataclass(frozen=True, slots=True)
class Plan:
    """How many windows, and how often the network sees those for training."""

    train: int
    held_out: int
    epochs: int


FULL = Plan(train=8000, held_out=2000, epochs=12)
# To see that every step runs: the network learns next to nothing.
QUICK = Plan(train=256, held_out=200, epochs=1)


def network() -> keras.Model:
    """Return acceleration in g [N, 1024] -> shares of the four classes [N, 4]."""
    window = keras.Input((SAMPLES,), name="window")
    x: Any = layers.Reshape((SAMPLES, 1))(window)
    for filters, kernel, strides in ((16, 32, 4), (24, 9, 2), (32, 9, 2), (48, 9, 2)):
        x = layers.Conv1D(filters, kernel, strides=strides, padding="same", use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))
    x = layers.Dropout(0.2)(layers.GlobalAveragePooling1D()(x))
    return keras.Model(window, layers.Dense(len(LABELS), activation="softmax", name="probabilities")(x))


def fit(plan: Plan) -> tuple[keras.Model, Floats]:
    """Return the trained network and the windows it has seen; on one thread, so that a seed gives the same weights."""
    keras.utils.set_random_seed(SEED)
    signals, classes = windows(plan.train, SEED)
    model = network()
    steps = plan.epochs * -(-plan.train // BATCH)
    model.compile(
        optimizer=keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(3e-3, steps)),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    model.fit(signals, classes, batch_size=BATCH, epochs=plan.epochs, verbose=2)
    return model, signals


def quantised(model: keras.Model, signals: Floats) -> bytes:
    """Return the model as TFLite, int8 inside, float at both ends."""

    def seen() -> Iterator[list[Floats]]:
        for signal in signals[:RANGES]:
            yield [signal[None]]

    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = seen
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    content: bytes = converter.convert()
    return content


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=HERE / "work", help="where model and data go")
    parser.add_argument("--quick", action="store_true", help="hardly train: to try the steps")
    arguments = parser.parse_args()
    plan = QUICK if arguments.quick else FULL
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    out: Path = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    model, signals = fit(plan)
    (out / "model.tflite").write_bytes(quantised(model, signals))
    held_out, classes = windows(plan.held_out, SEED + 1)
    share = float((model.predict(held_out, verbose=0).argmax(1) == classes).mean())
    np.savez_compressed(out / "held-out.npz", window=held_out, labels=classes)
    print(f"accuracy before it was quantised {share:.4f}; written: {out}")


if __name__ == "__main__":
    main()
