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
    text, size = f"{answer.label} {answer.score:.2f}", _text_size(canvas)
    if answer.box is None:
        _tag(canvas, text, (4, round(44 * size)), colour, size)
        return
    x1, y1, x2, y2 = np.round(np.array(answer.box) * scale).astype(int).tolist()
    cv2.rectangle(canvas, (x1, y1), (x2, y2), colour, max(2, round(3 * size)), cv2.LINE_AA)
    above = y1 > 44 * size
    _tag(canvas, text, (x1, y1 - round(10 * size) if above else y2 + round(34 * size)), colour, size)


def _text_size(canvas: Pixels) -> float:
    """Return OpenCV's factor for text that can still be read when a card shows the picture 400 px wide."""
    return max(0.5, int(canvas.shape[1]) / 960)


def _tag(canvas: Pixels, text: str, at: tuple[int, int], colour: tuple[int, int, int], size: float) -> None:
    thick = max(1, round(2 * size))
    (width, height), _ = cv2.getTextSize(text, _FONT, size, thick)
    x, y = at
    cv2.rectangle(canvas, (x - 1, y - height - 4), (x + width + 3, y + 4), colour, cv2.FILLED)
    cv2.putText(canvas, text, (x + 1, y), _FONT, size, (0, 0, 0), thick, cv2.LINE_AA)


def _banner(canvas: Pixels, text: str) -> None:
    size = _text_size(canvas)
    cv2.rectangle(canvas, (0, 0), (canvas.shape[1], round(56 * size)), (40, 40, 200), cv2.FILLED)
    cv2.putText(
        canvas, text, (8, round(40 * size)), _FONT, 1.2 * size, (255, 255, 255), max(1, round(2 * size)), cv2.LINE_AA
    )
