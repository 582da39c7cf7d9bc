"""A small U-Net in PyTorch."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import nn

# Channels by level; each level has half the height and width of the one above.
CHANNELS = (8, 12, 16, 24)


class Block(nn.Sequential):  # type: ignore[misc]  # PyTorch is not installed where mypy runs
    """3x3 convolutions from each of `channels` to the next, with batch norm and ReLU; height and width stay."""

    def __init__(self, *channels: int) -> None:
        layers: list[nn.Module] = []
        for source, outputs in pairwise(channels):
            layers += [nn.Conv2d(source, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]
        super().__init__(*layers)


class UNet(nn.Module):  # type: ignore[misc]
    """float RGB [N, 3, H, W], H and W multiples of 8 -> logits [N, classes, H, W]."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        pairs = list(zip((3, *CHANNELS), CHANNELS, strict=False))
        self.down = nn.ModuleList(Block(inputs, outputs, outputs) for inputs, outputs in pairs)
        self.up = nn.ModuleList(Block(above + below, above) for above, below in reversed(pairs[1:]))
        self.pool = nn.MaxPool2d(2)
        self.grow = nn.Upsample(scale_factor=2.0, mode="nearest")
        self.head = nn.Conv2d(CHANNELS[0], classes, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        levels = []
        for index, block in enumerate(self.down):
            image = block(image if index == 0 else self.pool(image))
            levels.append(image)
        for block, level in zip(self.up, reversed(levels[:-1]), strict=True):
            image = block(torch.cat([level, self.grow(image)], 1))
        logits: torch.Tensor = self.head(image)
        return logits
