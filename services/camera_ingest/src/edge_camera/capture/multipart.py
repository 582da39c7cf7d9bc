"""The parts of a multipart stream, with a bound on all that a camera may send before a part is whole."""

from __future__ import annotations

import re

from edge_camera.capture.messages import Failure, Reason

_BLANK = re.compile(rb"\r?\n\r?\n")
_LENGTH = re.compile(rb"(?im)^content-length[ \t]*:[ \t]*([^\r\n]*)")


class Multipart:
    """Feed bytes in pieces of any size; whole parts come out.

    Cameras differ: a boundary is announced with or without its dashes, lengths may be missing, and what stands
    between a part's end and the next boundary is skipped.
    """

    def __init__(self, boundary: str, max_header_bytes: int, max_part_bytes: int) -> None:
        self._mark = b"--" + boundary.strip('"').lstrip("-").encode("latin-1", "replace")
        self._max_header, self._max_part = max_header_bytes, max_part_bytes
        self._buffer = bytearray()
        self._step = self._boundary
        self._length: int | None = None
        # Where a search goes on: bytes before it were searched.
        self._from = 0
        self._parts: list[bytes] = []

    def feed(self, data: bytes) -> list[bytes]:
        """Return the parts that `data` completes.

        Raises:
            Failure: a bound is passed, a length is none, or the closing boundary was read.
        """
        self._buffer += data
        while self._step():
            pass
        parts, self._parts = self._parts, []
        return parts

    def _boundary(self) -> bool:
        at = self._find(self._mark, self._max_header)
        if at < 0:
            return False
        self._cut(at + len(self._mark))
        self._step = self._header
        return True

    def _header(self) -> bool:
        if self._buffer.startswith(b"--"):
            raise Failure(Reason.ENDED, "the camera closed its multipart stream")
        blank = _BLANK.search(self._buffer, 0, self._max_header)
        if blank is None:
            self._bound(self._max_header, "part header")
            return False
        self._length = self._read_length(bytes(self._buffer[: blank.start()]))
        self._cut(blank.end())
        self._step = self._body
        return True

    def _body(self) -> bool:
        if self._length is None:
            end = self._find(self._mark, self._max_part)
        else:
            end = self._length if len(self._buffer) >= self._length else -1
        if end < 0:
            return False
        self._parts.append(bytes(self._buffer[:end]))
        self._cut(end)
        self._step = self._boundary
        return True

    def _find(self, mark: bytes, bound: int) -> int:
        at = self._buffer.find(mark, self._from)
        if at < 0:
            self._from = max(0, len(self._buffer) - len(mark) + 1)
            self._bound(bound, "bytes without a boundary")
        return at

    def _bound(self, bound: int, what: str) -> None:
        if len(self._buffer) > bound:
            raise Failure(Reason.TOO_LARGE, f"more than {bound} bytes: {what}")

    def _cut(self, end: int) -> None:
        del self._buffer[:end]
        self._from = 0

    def _read_length(self, header: bytes) -> int | None:
        found = _LENGTH.search(header)
        if found is None:
            return None
        text = found.group(1).strip()
        if not re.fullmatch(rb"[0-9]{1,18}", text):
            raise Failure(Reason.NOT_A_STREAM, "a part's Content-Length is not a number")
        if int(text) > self._max_part:
            raise Failure(Reason.TOO_LARGE, f"a part of more than {self._max_part} bytes")
        return int(text)
