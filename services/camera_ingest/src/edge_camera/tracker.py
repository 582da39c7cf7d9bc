"""Give what is seen an id that lasts while it is in the picture: a parcel is one thing, and not forty answers."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from edge_camera.answer import Answer

MIN_IOU = 0.3
# Seen again after this long, it is something else: at 10 fps nine misses in a row, which a good detector never has.
MAX_AGE_S = 1.0
# Things followed at a time; a broken model answers 200 a frame, each anew.
MAX_TRACKS = 500
# Labels counted of one thing; a broken model can name it differently in each frame.
_MAX_LABELS = 20

Box = tuple[float, float, float, float]
_Floats = npt.NDArray[np.float64]


@dataclass(slots=True, kw_only=True)
class Track:
    """One thing: `begun` and `seen` are monotonic seconds of its first and last frame, `box` its last."""

    id: str
    box: Box
    begun: float
    seen: float
    frames: int = 0
    score: float = 0.0
    _labels: Counter[str] = field(default_factory=Counter)

    @property
    def label(self) -> str:
        """The label it had most often: one misread frame does not rename it."""
        return self._labels.most_common(1)[0][0]

    def follow(self, answer: Answer, box: Box, now: float) -> None:
        """It is where `answer` says."""
        self.box, self.seen = box, now
        self.frames += 1
        self.score = max(self.score, answer.score)
        if answer.label in self._labels or len(self._labels) < _MAX_LABELS:
            self._labels[answer.label] += 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracked:
    """`ids` has one entry an answer, None for one without a box; `begun` and `ended` are what changed."""

    ids: list[str | None]
    begun: list[Track]
    ended: list[Track]


class Tracker:
    """Follow one camera's answers by overlap, strongest first; for use by one thread.

    A thing keeps its id while an answer overlaps its last box with at least `min_iou`, whatever its label (`by_label`
    wants the same label too), and for `max_age_s` without one. Ids count up from "1" while the process runs. Only
    answered frames go in: a failed question does not say that a thing is gone, but its time counts.

    belt-detector's answers on belt.mp4 (17 parcels, 657 answers, 14 px a frame at 10 fps): 17 ids at 10, 5, 3.3 and
    2.5 fps; 22 at 10 fps with `by_label`, as digits are misread at the picture's edge. At 2 fps a parcel jumps by more
    than half its width and two frames overlap too little: 52 ids. Moving the box on at its last speed does not help
    there (44): the speed is known only after a second sight. CPU of a frame of the clip: 0.08 ms; with 200 answers on
    200 things, the most there can be, 2.6 ms (x86-64).
    """

    def __init__(self, min_iou: float = MIN_IOU, max_age_s: float = MAX_AGE_S, *, by_label: bool = False) -> None:
        self._min_iou, self._by_label = min_iou, by_label
        self._tracks: list[Track] = []
        self._count = 0
        self._updated = -math.inf
        self.max_age_s = max_age_s

    @property
    def tracks(self) -> list[Track]:
        """What is followed now, oldest first."""
        return list(self._tracks)

    def update(self, answers: Sequence[Answer], now: float) -> Tracked:
        """Give each answer of one frame its id; `now` is when the frame was read, monotonic."""
        ended = self._drop([track for track in self._tracks if now - track.seen > self.max_age_s])
        boxed = [(index, answer, answer.box) for index, answer in enumerate(answers) if answer.box is not None]
        pairs = self._pairs([(answer, box) for _, answer, box in boxed])
        ids: list[str | None] = [None] * len(answers)
        begun = []
        for place, (index, answer, box) in enumerate(boxed):
            track = pairs.get(place)
            if track is None:
                track = self._begin(box, now)
                begun.append(track)
            track.follow(answer, box, now)
            ids[index] = track.id
        self._updated = now
        crowd = sorted(self._tracks, key=lambda track: track.seen)[: max(0, len(self._tracks) - MAX_TRACKS)]
        return Tracked(ids=ids, begun=begun, ended=ended + self._drop(crowd))

    def still(self, now: float) -> None:
        """The picture did not change, so nobody asked: what was there in the last frame still is."""
        for track in self._tracks:
            if track.seen >= self._updated:
                track.seen = max(track.seen, now)
        self._updated = max(self._updated, now)

    def _begin(self, box: Box, now: float) -> Track:
        self._count += 1
        track = Track(id=str(self._count), box=box, begun=now, seen=now)
        self._tracks.append(track)
        return track

    def _drop(self, tracks: list[Track]) -> list[Track]:
        gone = {track.id for track in tracks}
        self._tracks = [track for track in self._tracks if track.id not in gone]
        return tracks

    def _pairs(self, answers: list[tuple[Answer, Box]]) -> dict[int, Track]:
        """Return which answer is which track: the latest seen and then the best overlap first."""
        if not answers or not self._tracks:
            return {}
        overlap = iou(np.array([track.box for track in self._tracks]), np.array([box for _, box in answers]))
        if self._by_label:
            labels = np.array([answer.label for answer, _ in answers])
            overlap *= np.array([track.label for track in self._tracks])[:, None] == labels
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
