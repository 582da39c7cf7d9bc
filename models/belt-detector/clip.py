"""The committed clip: about 20 s of a running belt with held-out digits, and its truth."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from scenes import HEIGHT, MIN_VISIBLE, WIDTH, Digits, Image, Look, Parcel, Truth, random_parcel, render

FPS, SECONDS = 10, 20
PIXELS_PER_FRAME = 14.0
_LOOK = Look(gain=0.95, slope=0.15, warmth=0.02, blur=0.7, noise=2.5, belt=54)


def write_clip(directory: Path, digits: Digits, seed: int) -> None:
    """Write belt.mp4 and belt.truth.jsonl (one object a frame) into `directory`."""
    rng = np.random.default_rng([seed, 99])
    parcels = _queue(rng, digits)
    writer = cv2.VideoWriter(str(directory / "belt.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), FPS, (WIDTH, HEIGHT))
    with (directory / "belt.truth.jsonl").open("w", encoding="utf-8") as truth_file:
        for seq in range(FPS * SECONDS):
            moved = seq * PIXELS_PER_FRAME
            shown = [replace(p, x=p.x + moved) for p in parcels if -200 < p.x + moved < WIDTH + 200]
            # The lamp over the belt breathes a little, as lamps do.
            look = replace(_LOOK, gain=_LOOK.gain * (1 + 0.06 * np.sin(seq / 9)))
            frame, truth = render(rng, shown, look, moved)
            writer.write(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
            truth_file.write(json.dumps({"seq": seq, "objects": [_entry(item) for item in truth]}) + "\n")
    writer.release()


def read_clip(directory: Path) -> tuple[list[Image], list[list[Truth]]]:
    """Return the frames as decoded from belt.mp4 (RGB) and their truth."""
    capture = cv2.VideoCapture(str(directory / "belt.mp4"))
    frames = []
    while True:
        ok, frame = capture.read()
        if not ok:
            break
        frames.append(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False))
    lines = (directory / "belt.truth.jsonl").read_text(encoding="utf-8").splitlines()
    return frames, [[_truth(item) for item in json.loads(line)["objects"]] for line in lines]


def _queue(rng: np.random.Generator, digits: Digits) -> list[Parcel]:
    """Parcels one behind the other on two lanes, the first ones already in the picture."""
    parcels, x = [], 420.0
    while x > -FPS * SECONDS * PIXELS_PER_FRAME - 100:
        lane = rng.choice([165.0, 305.0])
        parcels.append(random_parcel(rng, digits, x, lane + rng.uniform(-15, 15)))
        x -= rng.uniform(150, 260)
    return parcels


def _entry(item: Truth) -> dict[str, object]:
    box = [round(v, 1) for v in item.box]
    return {"label": str(item.label), "box": box, "ignore": item.visible < MIN_VISIBLE}


def _truth(entry: dict[str, object]) -> Truth:
    box = entry["box"]
    assert isinstance(box, list)
    return Truth((box[0], box[1], box[2], box[3]), int(str(entry["label"])), 0.0 if entry["ignore"] else 1.0)
