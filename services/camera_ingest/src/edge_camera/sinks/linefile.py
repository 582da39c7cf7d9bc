"""A file that only ever holds whole lines, whatever happened to the process or the disk while it was written."""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
from pathlib import Path

# The longest line that is looked for at the end of a file that was left torn.
_TAIL_BYTES = 1024 * 1024


class LineFile:
    """Open for appending, and held against other processes that would append to it as well.

    Raises:
        OSError: it cannot be opened, another process holds it, or it is no file of JSON lines.
    """

    def __init__(self, path: Path) -> None:
        # Nothing is waited for: a pipe without a reader would hold the thread for ever.
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NONBLOCK
        self._fd = os.open(path, flags, 0o640)
        try:
            self.size = self._prepare()
            if not self.is_at(path):
                # Its writer renamed it between our opening and our lock.
                raise OSError("another process rotates it")
        except OSError:
            os.close(self._fd)
            raise

    def is_at(self, path: Path) -> bool:
        """Return True while `path` leads to this very file."""
        try:
            found = path.stat()
        except FileNotFoundError:
            return False
        mine = os.fstat(self._fd)
        return (found.st_dev, found.st_ino) == (mine.st_dev, mine.st_ino)

    def append(self, data: bytes, *, sync: bool) -> None:
        """Write whole lines, all or none of them.

        Raises:
            OSError: none was written. Close the file then.
        """
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[os.write(self._fd, rest) :]
            if sync:
                os.fsync(self._fd)
        except OSError:
            # When this fails, too, opening the file again mends it.
            with contextlib.suppress(OSError):
                os.ftruncate(self._fd, self.size)
            raise
        self.size += len(data)

    def close(self) -> None:
        """Close it."""
        os.close(self._fd)

    def _prepare(self) -> int:
        """Lock the file and cut a torn line off its end; return its size."""
        if not stat.S_ISREG(os.fstat(self._fd).st_mode):
            raise OSError("not a regular file")
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OSError("another process writes it") from None
        size = os.fstat(self._fd).st_size
        tail = os.pread(self._fd, _TAIL_BYTES, max(0, size - _TAIL_BYTES))
        torn = tail[tail.rfind(b"\n") + 1 :]
        if not torn:
            return size
        # Anything else is somebody's file, and not ours to cut.
        if len(torn) == _TAIL_BYTES or not torn.startswith(b"{"):
            raise OSError("not a file of JSON lines")
        os.ftruncate(self._fd, size - len(torn))
        return size - len(torn)
