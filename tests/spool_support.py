"""What the spool's tests share: a clock that is told, and disks that die, fill up or refuse."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from edge_camera.spool.config import SpoolConfig
from edge_camera.spool.counters import Tally
from edge_camera.spool.cursor import Cursor
from edge_camera.spool.disk import Disk
from edge_camera.spool.spool import Spool

WALL = 1_700_000_000.0


class FakeClock:
    """Time moves only when told to; `wall` can be set apart from `now`."""

    def __init__(self, wall: float = WALL) -> None:
        self.now = 100.0
        self.wall = wall

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return self.wall

    def advance(self, seconds: float) -> None:
        self.now += seconds
        self.wall += seconds


class Crash(BaseException):
    """The machine stops here; no handler of the program sees more of it."""


class CrashDisk(Disk):
    """Stops within a write after `budget` bytes; each other change costs one. Knows what a power cut leaves.

    What was not synced is on no disk: neither bytes nor names.
    """

    def __init__(self, budget: int | None = None) -> None:
        self.budget = budget
        self.spent = 0
        self.paths: dict[int, Path] = {}
        self.safe_bytes: dict[Path, int] = {}
        self.safe_names: set[Path] = set()
        self.made: set[Path] = set()

    def _spend(self, cost: int) -> int:
        """Return how much of `cost` is still done."""
        left = cost if self.budget is None else min(cost, self.budget - self.spent)
        self.spent += left
        return left

    def _step(self) -> None:
        if self._spend(1) < 1:
            raise Crash

    def _opened(self, fd: int, path: Path) -> int:
        self.paths[fd] = path
        return fd

    def create(self, path: Path) -> int:
        self._step()
        fd = self._opened(super().create(path), path)
        self.made.add(path)
        self.safe_bytes[path] = 0
        return fd

    def reopen(self, path: Path) -> int:
        fd = self._opened(super().reopen(path), path)
        self.safe_bytes.setdefault(path, path.stat().st_size)
        return fd

    def write(self, fd: int, data: bytes) -> None:
        done = self._spend(len(data))
        super().write(fd, data[:done])
        if done < len(data):
            raise Crash

    def cut(self, fd: int, size: int) -> None:
        self._step()
        super().cut(fd, size)
        self.safe_bytes[self.paths[fd]] = min(self.safe_bytes[self.paths[fd]], size)

    def sync(self, fd: int) -> None:
        self._step()
        if fd in self.paths:
            self.safe_bytes[self.paths[fd]] = os.fstat(fd).st_size

    def sync_folder(self, path: Path) -> None:
        self._step()
        self.safe_names |= {made for made in self.made if made.parent == path}

    def close(self, fd: int) -> None:
        self.paths.pop(fd, None)
        super().close(fd)

    def move(self, source: Path, target: Path) -> None:
        self._step()
        super().move(source, target)

    def remove(self, path: Path) -> None:
        self._step()
        super().remove(path)
        self.made.discard(path)

    def lock(self, path: Path) -> int:
        return self._opened(super().lock(path), path)

    def die(self, how: str) -> None:
        """The process is gone ("kill"), or the power ("cut": nothing unsynced is left, "zeros": as zeros)."""
        for fd in list(self.paths):
            self.close(fd)
        if how == "kill":
            return
        for path in self.made:
            if path not in self.safe_names:
                path.unlink(missing_ok=True)
        for path, safe in self.safe_bytes.items():
            if path.exists() and (size := path.stat().st_size) > safe:
                os.truncate(path, safe)
                if how == "zeros":
                    os.truncate(path, size)


class FullDisk(Disk):
    """Holds `capacity` bytes; a write that does not fit leaves what fits."""

    def __init__(self, root: Path, capacity: int) -> None:
        self.root, self.capacity = root, capacity

    def used(self) -> int:
        return sum(path.stat().st_size for path in self.root.rglob("*") if path.is_file())

    def write(self, fd: int, data: bytes) -> None:
        room = max(0, self.capacity - self.used())
        super().write(fd, data[:room])
        if room < len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class BrokenDisk(Disk):
    """Refuses the changes named in `refused` with EIO, as long as they are."""

    def __init__(self, *refused: str) -> None:
        self.refused = set(refused)

    def _ask(self, name: str) -> None:
        if name in self.refused:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    def write(self, fd: int, data: bytes) -> None:
        if "write" in self.refused:
            super().write(fd, data[: len(data) // 2])
        self._ask("write")
        super().write(fd, data)

    def sync(self, fd: int) -> None:
        self._ask("sync")
        super().sync(fd)

    def cut(self, fd: int, size: int) -> None:
        self._ask("cut")
        super().cut(fd, size)

    def make_folder(self, path: Path) -> None:
        self._ask("make_folder")
        super().make_folder(path)

    def remove(self, path: Path) -> None:
        self._ask("remove")
        super().remove(path)


class Bench:
    """A spool in a folder, reopened at will; everything by one clock and one tally."""

    def __init__(self, root: Path, disk: Disk | None = None, **keys: object) -> None:
        defaults: dict[str, object] = {"fsync": "event", "segment_bytes": 1024, "max_bytes": 1 << 20}
        self.config = SpoolConfig(path=str(root), **{**defaults, **keys})  # type: ignore[arg-type]
        self.root, self.disk = root, disk
        self.clock, self.tally = FakeClock(), Tally()
        self.spool = self.open()

    def open(self) -> Spool:
        self.spool = Spool.open(self.root, self.config, self.clock, self.tally, self.disk)
        return self.spool

    def reopen(self) -> Spool:
        self.spool.close()
        return self.open()

    def fill(self, count: int, priority: str = "low", start: int = 0, size: int = 60) -> list[bytes]:
        lines = [line(number, size) for number in range(start, start + count)]
        for one in lines:
            self.spool.append(one, priority)
        return lines

    def read(self, sink: str = "reader") -> list[bytes]:
        return drain(self.spool.reader(sink))

    def files(self, folder: str = "*") -> list[Path]:
        return sorted(self.root.glob(f"{folder}/*.seg"))


def line(number: int, size: int = 0) -> bytes:
    """An event that tells its number, at least `size` bytes long."""
    return b'{"id": %d}' % number + b" " * max(0, size - 12)


def number_of(event: bytes) -> int:
    """The number of an event made by `line`."""
    return int(event.split()[1].rstrip(b"}"))


def drain(cursor: Cursor, *, ack: bool = True) -> list[bytes]:
    """Everything the cursor gives at once."""
    lines: list[bytes] = []
    while entries := cursor.next(7):
        lines += [entry.line for entry in entries]
        if ack:
            cursor.ack(entries[-1].seq)
    return lines
