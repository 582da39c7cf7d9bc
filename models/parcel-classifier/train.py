"""Train parcel-classifier on rendered pictures; write model.keras and its pictures for `edgectl model build`.

.train/bin/python models/parcel-classifier/train.py [--out DIR] [--quick]
"""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

# Before TensorFlow is imported, which otherwise looks for a GPU and says at length that there is none.
os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1", "KERAS_BACKEND": "tensorflow"}

import keras
import tensorflow as tf
from keras import layers

from parcels import LABELS, Image, pictures

HERE = Path(__file__).parent
SEED = 7
# As recipe.toml has it; pictures of 4:3 fill it without a border.
NET_WIDTH, NET_HEIGHT = 128, 96
BATCH = 32
JPEG_QUALITY = 95


@dataclass(frozen=True, slots=True)
class Plan:
    """How many pictures, and how often the network sees those for training."""

    train: int
    held_out: int
    calibration: int
    epochs: int


FULL = Plan(train=3200, held_out=1000, calibration=120, epochs=14)
# To see that every step runs: the network learns next to nothing.
QUICK = Plan(train=64, held_out=40, calibration=16, epochs=1)


def network() -> keras.Model:
    """Return float RGB 0..1 [N, 96, 128, 3] -> logits [N, 4]."""
    image = keras.Input((NET_HEIGHT, NET_WIDTH, 3), name="image")
    x: Any = image
    for filters, strides in ((16, 2), (24, 2), (32, 1), (48, 2), (64, 1), (96, 2)):
        x = layers.Conv2D(filters, 3, strides=strides, padding="same", use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))
    x = layers.Dropout(0.2)(layers.GlobalAveragePooling2D()(x))
    return keras.Model(image, layers.Dense(len(LABELS), name="logits")(x))


def network_input(frame: Image) -> npt.NDArray[np.float32]:
    """Return `frame` [H, W, 3] as the network takes it: what recipe.toml puts into the graph."""
    small = cv2.resize(frame, (NET_WIDTH, NET_HEIGHT), interpolation=cv2.INTER_LINEAR)
    return np.asarray(small, np.float32) / np.float32(255)


def fit(plan: Plan) -> keras.Model:
    """Train on one thread, so that the same seed gives the same weights."""
    keras.utils.set_random_seed(SEED)
    pairs = [(network_input(frame), index) for frame, index in pictures(plan.train, SEED)]
    inputs, classes = np.stack([frame for frame, _ in pairs]), np.array([index for _, index in pairs])
    model = network()
    steps = plan.epochs * -(-plan.train // BATCH)
    model.compile(
        optimizer=keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(3e-3, steps)),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="sum_over_batch_size"),
        metrics=["accuracy"],
    )
    model.fit(_turned(inputs, classes), epochs=plan.epochs, verbose=2)
    return model


def _turned(inputs: npt.NDArray[np.float32], classes: npt.NDArray[np.int64]) -> tf.data.Dataset:
    """Batches in an order of their own each time, pictures mirrored at random: a parcel has no left."""
    rows = tf.data.Dataset.from_tensor_slices((inputs, classes)).shuffle(len(classes), seed=SEED)
    flipped = rows.map(lambda image, label: (tf.image.random_flip_left_right(image, seed=SEED), label))
    flipped = flipped.map(lambda image, label: (tf.image.random_flip_up_down(image, seed=SEED), label))
    return flipped.batch(BATCH)


def save_pictures(folder: Path, count: int, seed: int) -> None:
    """Write `count` pictures as <label>/NNNN.jpg."""
    for number, (frame, index) in enumerate(pictures(count, seed)):
        path = folder / LABELS[index] / f"{number:04}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), frame[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=HERE / "work", help="where model and pictures go")
    parser.add_argument("--quick", action="store_true", help="hardly train: to try the steps")
    arguments = parser.parse_args()
    plan = QUICK if arguments.quick else FULL
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    out: Path = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    model = fit(plan)
    model.save(out / "model.keras")
    save_pictures(out / "held-out", plan.held_out, SEED + 1)
    save_pictures(out / "calibration", plan.calibration, SEED + 2)
    print(f"written: {out}")


if __name__ == "__main__":
    main()
