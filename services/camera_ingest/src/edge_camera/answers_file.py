"""The file of every answer: what scoring against a clip's truth needs."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import BinaryIO

import msgspec

from edge_camera.client import Reply
from edge_camera.frame import Frame
from edge_common.errors import StartError

log = logging.getLogger(__name__)


class AnswersFile:
    """Write one JSON object a line for every asked frame, up to `max_bytes`; the rest is left out, and said.

    Shared by the workers of all cameras: each line is one write, which the kernel keeps whole with O_APPEND.
    """

    def __init__(self, path: Path, max_bytes: int) -> None:
        try:
            path.unlink(missing_ok=True)
            self._file: BinaryIO = path.open("ab", buffering=0)
        except OSError as exc:
            raise StartError(f"--answers {path}: cannot write: {exc.strerror}; choose another path") from None
        self._left = max_bytes

    def write(self, frame: Frame, reply: Reply) -> None:
        """Append one answer."""
        line = msgspec.json.encode(
            {
                "camera": frame.camera,
                "seq": frame.seq,
                "state": reply.state,
                "age_ms": round(reply.age_s * 1000, 2),
                "answers": reply.answers,
            }
        )
        if self._left < 0:
            return
        self._left -= len(line) + 1
        if self._left < 0:
            log.warning("the answers file is full; further answers are left out of it")
            return
        try:
            self._file.write(line + b"\n")
        except OSError as exc:
            self._left = -1
            log.warning("the answers file cannot be written any more: %s", exc.strerror)

    def close(self) -> None:
        """Close the file."""
        self._file.close()
