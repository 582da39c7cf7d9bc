"""Pictures that several tests look at: the real clip, and what no camera should send but one may."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from hypothesis import strategies as st

from edge_camera.frame import Pixels

CLIP = Path(__file__).parents[1] / "models" / "belt-detector" / "belt.mp4"
# A few looks, each the picture's shape, the value of all its pixels, and the time, which may jump.
STRANGE_LOOKS = st.lists(
    st.tuples(
        st.sampled_from([(1, 1, 3), (1, 1), (4, 3), (4, 3, 1), (4, 3, 4), (1, 40_000, 3), (40_000, 1), (0, 0, 3)]),
        st.integers(0, 255),
        st.floats(-1e6, 1e6),
    ),
    max_size=8,
)


def clip_frames(count: int) -> Iterator[Pixels]:
    """Yield the first frames of the running belt."""
    capture = cv2.VideoCapture(str(CLIP))
    for _ in range(count):
        good, pixels = capture.read()
        assert good
        yield np.asarray(pixels, np.uint8)
    capture.release()
