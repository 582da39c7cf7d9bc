"""Give what is seen an id that lasts while it is in the picture: a parcel is one thing, and not forty answers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_camera.answer import Answer

MIN_IOU = 0.3
# Seen again after this long, it is something else: at 10 fps nine misses in a row, which a good detector never has.
MAX_AGE_S = 1.0
# Things followed at a time; a broken model answers 200 a frame, each anew.
MAX_TRACKS = 500

Box = tuple[float, float, float, float]
_Floats = npt.NDArray[np.float64]


@dataclass(slots=True, kw_only=True)
class Track:
    """One thing: where it was last, and when (monotonic seconds)."""

    id: str
    box: Box
    seen: float


class Tracker:
    """Follow one camera's answers by overlap, strongest first; for use by one thread.

    A thing keeps its id while an answer overlaps its last box with at least `min_iou`, whatever its label, and for
    `max_age_s` without one. Ids count up from "1", anew with each tracker: when the process starts, and when a changed
    config has made the camera anew. Only answered frames go in: a failed question does not say that a thing is gone,
    but its time counts.

    belt-detector's answers on belt.mp4 (17 parcels, 657 answers, 14 px a frame at 10 fps): 17 ids at 10, 5, 3.3 and
    2.5 fps; 22 at 10 fps if labels had to agree too, as digits are misread at the picture's edge. At 2 fps a
    parcel jumps by more than half its width and two frames overlap too little: 52 ids. Moving the box on at its last
    speed does not help there (44): the speed is known only after a second sight. CPU of a frame of the clip: 0.08 ms;
    with 200 answers on 200 things, the most there can be, 2.6 ms (x86-64).
    """

    def __init__(self, min_iou: float = MIN_IOU, max_age_s: float = MAX_AGE_S) -> None:
        self._min_iou = min_iou
        self._tracks: list[Track] = []
        self._count = 0
        self._updated = -math.inf
        self.max_age_s = max_age_s

    def update(self, answers: Sequence[Answer], now: float) -> list[str | None]:
        """Return each answer's id, None for one without a box; `now` is when the frame was read, monotonic."""
        self._tracks = [track for track in self._tracks if now - track.seen <= self.max_age_s]
        boxed = [(index, answer.box) for index, answer in enumerate(answers) if answer.box is not None]
        pairs = self._pairs([box for _, box in boxed])
        ids: list[str | None] = [None] * len(answers)
        for place, (index, box) in enumerate(boxed):
            track = pairs.get(place) or self._begin(box, now)
            track.box, track.seen = box, now
            ids[index] = track.id
        self._updated = now
        if len(self._tracks) > MAX_TRACKS:
            self._tracks = sorted(self._tracks, key=lambda track: track.seen)[-MAX_TRACKS:]
        return ids

    def still(self, now: float) -> None:
        """The picture did not change since an answered frame, so nobody asked: what was there still is."""
        for track in self._tracks:
            if track.seen >= self._updated:
                track.seen = max(track.seen, now)
        self._updated = max(self._updated, now)

    def _begin(self, box: Box, now: float) -> Track:
        self._count += 1
        track = Track(id=str(self._count), box=box, seen=now)
        self._tracks.append(track)
        return track

    def _pairs(self, boxes: list[Box]) -> dict[int, Track]:
        """Return which box is which track: the latest seen and then the best overlap first."""
        if not boxes or not self._tracks:
            return {}
        overlap = iou(np.array([track.box for track in self._tracks]), np.array(boxes))
        rows, columns = np.nonzero(overlap >= self._min_iou)
        taken: dict[int, Track] = {}
        used: set[int] = set()
        # What was there a frame ago first: one that has left must not take the answer of the next in its place.
        seen = np.array([track.seen for track in self._tracks])
        for place in np.lexsort((-overlap[rows, columns], -seen[rows])):
            row, column = int(rows[place]), int(columns[place])
            if row not in used and column not in taken:
                used.add(row)
                taken[column] = self._tracks[row]
        return taken


def iou(these: _Floats, those: _Floats) -> _Floats:
    """Return the overlap [n, m] of boxes [n, 4] and [m, 4] (x1, y1, x2, y2): 0 to 1, and 0 for what is no box."""
    # Inf and NaN are no boxes; what they compute is thrown away.
    with np.errstate(all="ignore"):
        a, b = these[:, None, :], those[None, :, :]
        sides = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
        both = np.prod(np.clip(sides, 0.0, None), axis=-1)
        either = _area(these)[:, None] + _area(those)[None, :] - both
        result = both / either
    return np.where((either > 0) & (result <= 1.0 + 1e-9), result, 0.0)


def _area(boxes: _Floats) -> _Floats:
    area: _Floats = np.prod(np.clip(boxes[:, 2:] - boxes[:, :2], 0.0, None), axis=-1)
    return area
