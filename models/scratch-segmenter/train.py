"""Train scratch-segmenter on rendered pictures; write model.pt2 and its data for `edgectl model build`.

.train/bin/python models/scratch-segmenter/train.py [--out DIR] [--quick]
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from rich.progress import track

from metal import LABELS, Image, pictures
from unet import UNet

HERE = Path(__file__).parent
SEED = 41
# As recipe.toml has it; pictures of 4:3 keep their proportions.
NET_WIDTH, NET_HEIGHT = 160, 120
BATCH = 16
# Pixels a side that one step sees of a picture: another part each time, at a third of the cost.
CROP = 80


@dataclass(frozen=True, slots=True)
class Plan:
    """How many pictures, and how often the network sees those for training."""

    train: int
    held_out: int
    epochs: int


FULL = Plan(train=1200, held_out=200, epochs=16)
# To see that every step runs: the network learns next to nothing.
QUICK = Plan(train=32, held_out=8, epochs=1)


def network_input(frames: Image) -> torch.Tensor:
    """Return uint8 `frames` [N, H, W, 3] as float 0..1 [N, 3, 120, 160]: what recipe.toml puts into the graph."""
    small = [cv2.resize(frame, (NET_WIDTH, NET_HEIGHT), interpolation=cv2.INTER_LINEAR) for frame in frames]
    return torch.from_numpy(np.stack(small).transpose(0, 3, 1, 2).copy()).float() / 255


def network_target(masks: Image) -> torch.Tensor:
    """Return `masks` [N, H, W] as classes [N, 120, 160]: scratch where it covers half of the small pixel."""
    small = [cv2.resize(mask * 255, (NET_WIDTH, NET_HEIGHT), interpolation=cv2.INTER_AREA) > 127 for mask in masks]
    return torch.from_numpy(np.stack(small)).long()


def loss_of(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Cross entropy plus the Dice loss: scratches are one pixel in forty."""
    share = torch.softmax(logits, 1)[:, 1]
    overlap = 2 * (share * target).sum() / (share.sum() + target.sum() + 1)
    return torch.nn.functional.cross_entropy(logits, target) + 1 - overlap


def fit(plan: Plan) -> UNet:
    """Train on one thread, so that the same seed gives the same weights."""
    torch.manual_seed(SEED)
    frames, masks = pictures(plan.train, SEED)
    inputs, targets = network_input(frames), network_target(masks)
    model = UNet(len(LABELS))
    optimiser = torch.optim.Adam(model.parameters())
    steps = plan.epochs * -(-plan.train // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 5e-3, total_steps=steps)
    for _ in track(range(plan.epochs), description="training"):
        for rows in torch.randperm(plan.train).split(BATCH):
            top, left = (int(torch.randint(0, side - CROP + 1, ())) for side in (NET_HEIGHT, NET_WIDTH))
            part = (..., slice(top, top + CROP), slice(left, left + CROP))
            optimiser.zero_grad()
            loss_of(model(inputs[rows][part]), targets[rows][part]).backward()
            optimiser.step()
            schedule.step()
    model.eval()
    return model


def save(model: UNet, path: Path) -> None:
    """Write an exported program whose batch is free."""
    example = torch.zeros(2, 3, NET_HEIGHT, NET_WIDTH)
    batch = torch.export.Dim("N", min=1, max=64)
    torch.export.save(torch.export.export(model, (example,), dynamic_shapes={"image": {0: batch}}), path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=HERE / "work", help="where model and pictures go")
    parser.add_argument("--quick", action="store_true", help="hardly train: to try the steps")
    arguments = parser.parse_args()
    plan = QUICK if arguments.quick else FULL
    torch.set_num_threads(1)
    out: Path = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    save(fit(plan), out / "model.pt2")
    frames, masks = pictures(plan.held_out, SEED + 1)
    np.savez_compressed(out / "held-out.npz", image=frames, labels=masks)
    print(f"written: {out}")


if __name__ == "__main__":
    main()
