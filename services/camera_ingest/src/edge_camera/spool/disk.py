"""Every change the spool makes to a file system; one class, so that a test can let any of them fail."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


class Disk:
    """Change files. Every method raises OSError as the system does."""

    def make_folder(self, path: Path) -> None:
        """Make `path` and what is above it, unless it is there."""
        path.mkdir(parents=True, exist_ok=True)

    def create(self, path: Path) -> int:
        """Return the descriptor of a new file to append to."""
        return os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC, 0o640)

    def reopen(self, path: Path) -> int:
        """Return the descriptor of a file that is there, to append to."""
        return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)

    def write(self, fd: int, data: bytes) -> None:
        """Append all of `data`; after an error some of it may be there."""
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(fd, rest) :]

    def cut(self, fd: int, size: int) -> None:
        """Make the file `size` bytes long."""
        os.ftruncate(fd, size)

    def sync(self, fd: int) -> None:
        """Return when the file's data is on the disk."""
        os.fdatasync(fd)

    def sync_folder(self, path: Path) -> None:
        """Return when the folder's names are on the disk."""
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def close(self, fd: int) -> None:
        """Give the descriptor back."""
        os.close(fd)

    def replace(self, path: Path, data: bytes) -> None:
        """Make `data` the content of `path`, all of it or nothing."""
        aside = path.with_name(path.name + ".new")
        fd = os.open(aside, os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_CLOEXEC, 0o640)
        try:
            self.write(fd, data)
            self.sync(fd)
        finally:
            self.close(fd)
        self.move(aside, path)
        self.sync_folder(path.parent)

    def move(self, source: Path, target: Path) -> None:
        """Rename a file; `target` is replaced."""
        source.replace(target)

    def remove(self, path: Path) -> None:
        """Remove a file."""
        path.unlink()

    def lock(self, path: Path) -> int:
        """Return a descriptor that keeps every other process out until it is closed.

        A POSIX lock and no flock: a child process that outlives its killed parent must not keep it.
        """
        fd = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o640)
        try:
            fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(fd)
            raise
        return fd
