"""A small anchor-free detector: stride-8 cells predict a class heatmap and the distances to the box's sides."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from keras import layers

from scenes import HEIGHT, MIN_VISIBLE, WIDTH, Truth

NET_WIDTH, NET_HEIGHT, STRIDE, CLASSES = 320, 240, 8, 10
GRID = (NET_HEIGHT // STRIDE, NET_WIDTH // STRIDE)
Floats = npt.NDArray[np.float32]
# Cells whose centre lies in this middle share of a box answer for it.
CENTRE = 0.35
BOX_WEIGHT = 1.0


def build() -> keras.Model:
    """Return float [N, 240, 320, 3] in 0..1 -> float [N, 30, 40, 14]: ten logits, then left, top, right, bottom."""
    image = keras.Input((NET_HEIGHT, NET_WIDTH, 3), name="pixels")
    x = _block(image, 16, strides=2)
    x = _block(x, 32, strides=2)
    x = _block(x, 64, strides=2)
    x = _block(x, 64)
    x = x + _block(x, 64, dilation=2)
    x = x + _block(x, 64)
    x = x + _block(x, 64, dilation=2)
    prior = keras.initializers.Constant(-4.0)
    classes = layers.Conv2D(CLASSES, 1, bias_initializer=prior, name="classes")(_block(x, 64))
    sides = layers.Conv2D(4, 1, activation="softplus", name="sides")(x)
    return keras.Model(image, layers.Concatenate(name="cells")([classes, sides]))


def _block(x: Any, filters: int, strides: int = 1, dilation: int = 1) -> Any:
    x = layers.Conv2D(filters, 3, strides=strides, dilation_rate=dilation, padding="same", use_bias=False)(x)
    return layers.ReLU()(layers.BatchNormalization()(x))


def targets(truth: list[Truth]) -> Floats:
    """Return [30, 40, 15]: ten one-hot classes, four sides in strides, and a weight (0 ignores the cell)."""
    out = np.zeros((*GRID, CLASSES + 5), np.float32)
    out[..., -1] = 1
    xs = (np.arange(GRID[1], dtype=np.float32) + 0.5) * STRIDE
    ys = (np.arange(GRID[0], dtype=np.float32) + 0.5) * STRIDE
    scale = (NET_WIDTH / WIDTH, NET_HEIGHT / HEIGHT) * 2
    for item in sorted(truth, key=lambda t: t.visible):
        x1, y1, x2, y2 = (v * s for v, s in zip(item.box, scale, strict=True))
        inside = ((ys > y1) & (ys < y2))[:, None] & ((xs > x1) & (xs < x2))[None]
        rx, ry = CENTRE / 2 * (x2 - x1), CENTRE / 2 * (y2 - y1)
        near = (abs(ys - (y1 + y2) / 2) < max(ry, STRIDE / 2))[:, None] & (
            abs(xs - (x1 + x2) / 2) < max(rx, STRIDE / 2)
        )[None]
        # The rest of the parcel is neither background nor centre: it may fire or not.
        out[inside & ~near & (out[..., :CLASSES].sum(-1) == 0), -1] = 0.15
        if item.visible < MIN_VISIBLE:
            out[near, -1] = 0
            continue
        out[near, :CLASSES] = 0
        out[near, item.label] = 1
        out[near, -1] = 1
        grid_y, grid_x = np.meshgrid(ys, xs, indexing="ij")
        sides = np.stack([grid_x - x1, grid_y - y1, x2 - grid_x, y2 - grid_y], -1) / STRIDE
        out[near, CLASSES : CLASSES + 4] = np.maximum(sides[near], 0)
    return out


def loss(truth: Any, cells: Any) -> Any:
    """Focal loss of the classes, plus 1 - IoU of the boxes, per positive cell."""
    classes, weight = truth[..., :CLASSES], truth[..., -1:]
    positive = tf.reduce_sum(classes, -1)
    count = tf.reduce_sum(positive) + 1.0
    share = tf.sigmoid(cells[..., :CLASSES])
    focal = classes * (1 - share) ** 2 * 0.75 + (1 - classes) * share**2 * 0.25
    entropy = tf.nn.sigmoid_cross_entropy_with_logits(classes, cells[..., :CLASSES])
    class_loss = tf.reduce_sum(focal * entropy * weight) / count
    # A digit of a centre cell is one of ten: plain cross entropy keeps hard digits in the game.
    choice = tf.nn.softmax_cross_entropy_with_logits(classes, cells[..., :CLASSES])
    want, got = truth[..., CLASSES : CLASSES + 4], cells[..., CLASSES:]
    lt, rb = tf.minimum(want[..., :2], got[..., :2]), tf.minimum(want[..., 2:], got[..., 2:])
    shared = tf.reduce_prod(lt + rb, -1)
    union = _area(want) + _area(got) - shared
    box_loss = tf.reduce_sum((1 - shared / (union + 1e-3)) * positive) / count
    return class_loss + 0.3 * tf.reduce_sum(choice * positive) / count + BOX_WEIGHT * box_loss


def _area(sides: Any) -> Any:
    return (sides[..., 0] + sides[..., 2]) * (sides[..., 1] + sides[..., 3])


def train(
    images: npt.NDArray[np.uint8], wanted: Floats, epochs: int, seed: int, on_step: Callable[[float], None]
) -> keras.Model:
    """Return the trained model; `on_step` is called with the loss after every batch of 16."""
    keras.utils.set_random_seed(seed)
    model = build()
    steps = len(images) // 16
    rate = keras.optimizers.schedules.CosineDecay(
        1e-4, epochs * steps, warmup_target=2.5e-3, warmup_steps=steps // 2, alpha=0.01
    )
    optimizer = keras.optimizers.AdamW(rate, weight_decay=1e-3, clipnorm=5.0)
    rng = np.random.default_rng(seed)

    def step(pixels: Any, want: Any) -> Any:
        with tf.GradientTape() as tape:
            value = loss(want, model(tf.cast(pixels, tf.float32) / 255.0, training=True))
        optimizer.apply_gradients(
            zip(tape.gradient(value, model.trainable_variables), model.trainable_variables, strict=True)
        )
        return value

    compiled = tf.function(step)
    for _ in range(epochs):
        order = rng.permutation(len(images))
        for start in range(0, steps * 16, 16):
            batch = np.sort(order[start : start + 16])
            on_step(float(compiled(images[batch], wanted[batch])))
    return model
