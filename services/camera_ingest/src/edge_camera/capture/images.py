"""Reading a folder or a glob of images, in the order of their names."""

from __future__ import annotations

import glob
import itertools
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from edge_camera.capture.feed import Feed, stamp_now
from edge_camera.capture.messages import Failure, Job, Reason
from edge_camera.capture.mjpeg import decode
from edge_camera.capture.spec import IMAGE_SUFFIXES

# Names are held in memory, once a pass.
MAX_IMAGES = 100_000


def read_images(job: Job, feed: Feed, _complaints: Callable[[], str]) -> None:
    """Read every image once, or over and over; each pass lists the folder anew.

    Raises:
        Failure: there is no image, or a whole pass found none that can be decoded.
    """
    due = time.monotonic()
    seq = itertools.count()
    opened = False
    while True:
        paths = find(job.target)
        if not opened:
            feed.opened()
            opened = True
        good = 0
        for path in paths:
            due = _wait(due, 0.0 if job.fast else 1.0 / job.fps)
            good += _read(path, job.max_part_bytes, feed, next(seq))
        if not good:
            raise Failure(Reason.NOT_A_STREAM, f"none of {len(paths)} images can be decoded")
        if not job.loop:
            return


def find(target: str) -> list[Path]:
    """Return the images of a folder, or the files that a glob matches, by name.

    Raises:
        Failure: there is none, or more than MAX_IMAGES.
    """
    found: Iterator[Path]
    if Path(target).is_dir():
        found = (path for path in Path(target).iterdir() if path.suffix.lower() in IMAGE_SUFFIXES)
    else:
        # Path.glob matches relative patterns only.
        found = (Path(name) for name in glob.iglob(target)) if glob.has_magic(target) else iter([Path(target)])  # noqa: PTH207
    paths = sorted(itertools.islice((path for path in found if path.is_file()), MAX_IMAGES + 1))
    if not paths:
        raise Failure(Reason.NOT_FOUND, "no image there")
    if len(paths) > MAX_IMAGES:
        raise Failure(Reason.TOO_LARGE, f"more than {MAX_IMAGES} images")
    return paths


def _read(path: Path, max_bytes: int, feed: Feed, seq: int) -> bool:
    try:
        with path.open("rb") as file:
            raw = file.read(max_bytes + 1)
    except OSError:
        raw = b""
    stamp = stamp_now()
    pixels = decode(raw) if len(raw) <= max_bytes else None
    if pixels is None:
        feed.spoilt()
        return False
    feed.put(pixels, seq, stamp)
    return True


def _wait(due: float, interval_s: float) -> float:
    """Sleep until `due`; return when the next image is. One that is late does not make the others hurry."""
    now = time.monotonic()
    time.sleep(max(0.0, due - now))
    return max(due, now) + interval_s
