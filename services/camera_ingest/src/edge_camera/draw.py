"""A frame with its answers drawn on, as JPEG."""

from __future__ import annotations

import cv2
import numpy as np

from edge_camera.answer import Answer
from edge_camera.client import Reply, State, fit
from edge_camera.frame import Frame, Pixels

# Pictures for people are shrunk to this side: a phone shows no more, and the encoder costs less.
SHOWN_SIDE = 960

# BGR; told apart by people who do not see red and green (Okabe and Ito).
_COLOURS = (
    (0, 159, 230), (233, 180, 86), (115, 158, 0), (66, 228, 240),
    (178, 114, 0), (0, 94, 213), (167, 121, 204),
)  # fmt: skip
_FONT = cv2.FONT_HERSHEY_SIMPLEX


def encode(frame: Frame, reply: Reply, quality: int, side: int = SHOWN_SIDE) -> bytes:
    """Return the frame as JPEG, its longer side at most `side` pixels, with boxes and labels, or with a banner when
    there was no answer."""
    pixels, scale = fit(frame.pixels, side)
    canvas = pixels.copy()
    for answer in reply.answers:
        _draw(canvas, answer, scale)
    if reply.state is not State.OK:
        _banner(canvas, f"no answer: {reply.state.value}")
    _, jpeg = cv2.imencode(".jpg", canvas, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return bytes(jpeg)


def _draw(canvas: Pixels, answer: Answer, scale: float) -> None:
    colour = _COLOURS[sum(answer.label.encode()) % len(_COLOURS)]
    text = f"{answer.label} {answer.score:.2f}"
    if answer.box is None:
        _tag(canvas, text, (4, 22), colour)
        return
    x1, y1, x2, y2 = np.round(np.array(answer.box) * scale).astype(int).tolist()
    cv2.rectangle(canvas, (x1, y1), (x2, y2), colour, 2, cv2.LINE_AA)
    _tag(canvas, text, (x1, y1 - 5 if y1 > 22 else y2 + 17), colour)


def _tag(canvas: Pixels, text: str, at: tuple[int, int], colour: tuple[int, int, int]) -> None:
    (width, height), _ = cv2.getTextSize(text, _FONT, 0.5, 1)
    x, y = at
    cv2.rectangle(canvas, (x - 1, y - height - 4), (x + width + 3, y + 4), colour, cv2.FILLED)
    cv2.putText(canvas, text, (x + 1, y), _FONT, 0.5, (0, 0, 0), 1, cv2.LINE_AA)


def _banner(canvas: Pixels, text: str) -> None:
    cv2.rectangle(canvas, (0, 0), (canvas.shape[1], 28), (40, 40, 200), cv2.FILLED)
    cv2.putText(canvas, text, (8, 20), _FONT, 0.6, (255, 255, 255), 1, cv2.LINE_AA)
