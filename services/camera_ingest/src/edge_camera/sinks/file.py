"""Events in a file, one JSON object a line, in at most so many bytes on the disk."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Sequence
from pathlib import Path

from edge_camera.sinks.file_config import FileConfig
from edge_camera.sinks.linefile import LineFile
from edge_camera.spool.outbox import Undeliverable, Unfinished

MAX_BATCH = 256
_CLOSE_S = 1.0


class FileSink:
    """Append to one file; when it is full it becomes PATH.1, PATH.1 becomes PATH.2, and the oldest goes.

    The file may be renamed or deleted by others at any time: the next event goes to a new one.
    """

    name = "file"
    max_batch = MAX_BATCH

    def __init__(self, config: FileConfig) -> None:
        self._config, self._path = config, Path(config.path)
        self._file: LineFile | None = None
        self._lock = threading.Lock()

    def send(self, line: bytes) -> None:
        """Write one event; errors as those of `send_many`."""
        self.send_many([line])

    def send_many(self, lines: Sequence[bytes]) -> None:
        """Write events in order.

        Raises:
            Undeliverable: an event longer than a whole file may be.
            Unfinished: the disk is full, or the file cannot be written for another reason.
        """
        done = 0
        with self._lock:
            try:
                while done < len(lines):
                    done += self._write_some(lines[done:])
            except Undeliverable as exc:
                raise Undeliverable(str(exc), done) from None
            except OSError as exc:
                # Opened anew next time, which mends what a failed write may have left.
                self._close()
                raise Unfinished(f"{self._path}: {exc.strerror or exc}", done) from None

    def close(self) -> None:
        """Close the file. One that is being written, on a disk that hangs, is left to the end of the process."""
        if self._lock.acquire(timeout=_CLOSE_S):
            self._close()
            self._lock.release()

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _write_some(self, lines: Sequence[bytes]) -> int:
        """Write as many as fit into the file, at least one; return how many."""
        if len(lines[0]) >= self._config.max_bytes:
            raise Undeliverable(f"an event of {len(lines[0])} bytes; max_bytes is {self._config.max_bytes}")
        file = self._opened()
        count, size = 0, file.size
        while count < len(lines) and size + len(lines[count]) < self._config.max_bytes:
            size += len(lines[count]) + 1
            count += 1
        if count:
            file.append(b"".join(line + b"\n" for line in lines[:count]), sync=self._config.fsync)
        else:
            self._rotate()
        return count

    def _opened(self) -> LineFile:
        if self._file is not None and not self._file.is_at(self._path):
            self._close()
        if self._file is None:
            self._file = LineFile(self._path)
        return self._file

    def _rotate(self) -> None:
        self._close()
        older = [Path(f"{self._path}.{number}") for number in range(1, self._config.keep + 1)]
        if not older:
            self._path.unlink()
            return
        for newer, old in reversed(list(zip([self._path, *older], older, strict=False))):
            with contextlib.suppress(FileNotFoundError):
                os.replace(newer, old)  # noqa: PTH105  # one that is there has to go
