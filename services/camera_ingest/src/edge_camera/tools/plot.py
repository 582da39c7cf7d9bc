"""Plots of a spool: for each camera what was seen by the hour with the gaps below, and how sure the model was."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import cv2
import numpy as np

from edge_camera.tools.analysis import Analysis, CameraRow
from edge_camera.tools.canvas import COLOURS, GREY, INK, RED, WIDTH, Colour, Panel, Sheet, blank, write
from edge_camera.tools.counting import BINS, Counting
from edge_common.errors import StartError

# Bars in a picture of 1,000 columns; longer times get bars of several hours.
_MAX_BARS = 300
_LEFT, _RIGHT = 70, WIDTH - 150
_HOUR = timedelta(hours=1)
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


def write_plots(folder: Path, found: Analysis, counting: Counting) -> Iterator[Path]:
    """Write `CAMERA.png` for each camera, and yield their paths; a camera whose name is no RFC 1123 label has none.

    Raises:
        OSError: the folder cannot be made or written.
        StartError: a picture cannot be encoded.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for row in found.cameras:
        if not _NAME.fullmatch(row.camera):
            continue
        done, png = cv2.imencode(".png", draw(row, counting))
        if not done:
            raise StartError(f"{row.camera}: OpenCV cannot encode a PNG")
        path = folder / f"{row.camera}.png"
        path.write_bytes(png.tobytes())
        yield path


def draw(row: CameraRow, counting: Counting) -> Sheet:
    """Return one camera's picture [h, w, 3], BGR."""
    sheet = blank(560)
    seen = Counter({label: count.seen for (camera, label), count in counting.classes.items() if camera == row.camera})
    named = [label for label, _ in seen.most_common(len(COLOURS))]
    colours = dict(zip(named, COLOURS, strict=False))
    write(sheet, f"{row.camera}: {row.first} to {row.last}", (_LEFT, 24), size=0.55)
    _legend(sheet, seen, colours)
    _hours(sheet, row, counting, colours)
    _scores(sheet, row, counting, colours)
    return sheet


def _legend(sheet: Sheet, seen: Counter[str], colours: dict[str, Colour]) -> None:
    for place, (label, colour) in enumerate(colours.items()):
        at = 70 + place * 20
        cv2.rectangle(sheet, (_RIGHT + 12, at - 9), (_RIGHT + 22, at + 1), colour, cv2.FILLED)
        write(sheet, f"{label[:14]} {seen[label]}", (_RIGHT + 28, at), size=0.4)
    if rest := len(seen) - len(colours):
        write(sheet, f"{rest} more in grey", (_RIGHT + 12, 70 + len(colours) * 20), GREY, 0.4)


def _hours(sheet: Sheet, row: CameraRow, counting: Counting, colours: dict[str, Colour]) -> None:
    camera = counting.cameras[row.camera]
    start = camera.first.replace(minute=0, second=0, microsecond=0)
    end = max(camera.last, *(since + length for length, since in camera.gaps.kept), start)
    hours = (end - start) // _HOUR + 1
    step = math.ceil(hours / _MAX_BARS)
    bars = math.ceil(hours / step)
    stacks = _stacks(row.camera, counting, start, step)
    top = max((sum(stack.values()) for stack in stacks.values()), default=1)
    panel = Panel(sheet, _LEFT, 70, _RIGHT, 270, top + top % 2)
    panel.grid("seen in an hour" if step == 1 else f"seen in {step} hours")
    for place, stack in stacks.items():
        low = 0
        for label in (*colours, *(stack.keys() - colours.keys())):
            panel.bar(place / bars, (place + 1) / bars, low, low + stack[label], colours.get(label, GREY))
            low += stack[label]
    _gaps(panel, camera.gaps.kept, start, bars * step * _HOUR)
    for place in range(0, bars, math.ceil(bars / 6)):
        panel.tick(place / bars, (start + place * step * _HOUR).strftime("%m-%d %H:%MZ"))


def _stacks(camera: str, counting: Counting, start: datetime, step: int) -> dict[int, Counter[str]]:
    stacks: dict[int, Counter[str]] = {}
    for (hour, name, label), seen in counting.hours.items():
        if name == camera:
            stacks.setdefault(max(0, (hour - start) // _HOUR // step), Counter())[label] += seen
    return stacks


def _gaps(panel: Panel, gaps: list[tuple[timedelta, datetime]], start: datetime, span: timedelta) -> None:
    upper, lower = panel.lower + 9, panel.lower + 17
    for length, since in gaps:
        left, right = panel.x(max(0.0, (since - start) / span)), panel.x(min(1.0, (since + length - start) / span))
        cv2.rectangle(panel.sheet, (left, upper), (max(left, right), lower), RED, cv2.FILLED)
    write(panel.sheet, "gaps", (8, lower), RED if gaps else INK)


def _scores(sheet: Sheet, row: CameraRow, counting: Counting, colours: dict[str, Colour]) -> None:
    bins = [counting.classes[row.camera, label].bins for label in colours]
    shares = [[count / max(1, sum(one)) * 100 for count in one] for one in bins]
    top = max((max(one) for one in shares), default=1.0)
    panel = Panel(sheet, _LEFT, 360, _RIGHT, 510, math.ceil(top / 20) * 20)
    panel.grid("scores of the answers, by class", " %")
    for place in range(0, BINS + 1, BINS // 4):
        panel.tick(place / BINS, f"{place / BINS:g}")
    for one, colour in zip(shares, colours.values(), strict=True):
        line = [(panel.x((place + 0.5) / BINS), panel.y(share)) for place, share in enumerate(one)]
        cv2.polylines(sheet, [np.array(line, np.int32)], False, colour, 2, cv2.LINE_AA)
