"""A control group of its own for what is measured, so that a CPU limit binds it as Kubernetes' limit does."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from edgectl.model.errors import ModelError

# The period of the kernel's quota, as Kubernetes sets it.
PERIOD_US = 100_000
# The kernel lets go of a group a moment after its last process.
_REMOVE_S, _TICK_S = 2.0, 0.005
_PREFIX = "edgectl-bench-"


@dataclass(frozen=True, slots=True)
class Place:
    """The directory under which a group with a CPU limit can be made; `unified` is cgroup v2."""

    folder: Path
    unified: bool


@dataclass(frozen=True, slots=True)
class Group:
    """One group that exists."""

    folder: Path

    @property
    def procs(self) -> Path:
        """The file that takes the processes."""
        return self.folder / "cgroup.procs"

    def throttled(self) -> tuple[int, int]:
        """Return how many periods have passed in which it ran, and in how many of them it was held up."""
        lines = (line.split() for line in (self.folder / "cpu.stat").read_text().splitlines())
        stat = {name: int(value) for name, value in lines}
        return stat.get("nr_periods", 0), stat.get("nr_throttled", 0)


def find(root: Path = Path("/")) -> Place | None:
    """Return where groups can be made beside or under that of this process; None where the kernel offers none."""
    mount = root / "sys/fs/cgroup"
    for line in (root / "proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if "cpu" in controllers.split(","):
            for name in ("cpu", controllers):
                if (mount / name).is_dir():
                    return Place(_own(mount / name, path), unified=False)
        if not controllers and (mount / "cgroup.controllers").exists():
            return _delegating(mount, _own(mount, path))
    return None


def _own(mount: Path, path: str) -> Path:
    """Return the directory of this process's group; inside a cgroup namespace that is the mount itself."""
    inside = mount / path.strip("/")
    return inside if inside.is_dir() and ".." not in Path(path).parts else mount


def _delegating(mount: Path, own: Path) -> Place | None:
    """Return the nearest group whose children have CPU limits: in v2 one with processes has no such children."""
    for folder in (own, *own.parents):
        with suppress(OSError):
            if "cpu" in (folder / "cgroup.subtree_control").read_text().split():
                return Place(folder, unified=True)
        if folder == mount:
            break
    return None


def why_not(place: Place | None) -> str:
    """Return "" when a group can be made at `place`, else one line that says what is missing."""
    left_out = "CPU limits are left out"
    if place is None:
        return f"{left_out}: want the kernel's cpu controller in /sys/fs/cgroup, found none that this process may use"
    try:
        with limited(place, 1.0):
            return ""
    except (OSError, ModelError) as exc:
        reason = (getattr(exc, "strerror", None) or str(exc)).lower()
        who = "" if os.geteuid() == 0 else "; run it as root"
        return f"{left_out}: want to make a cgroup under {place.folder}, found: {reason}{who}"


@contextmanager
def limited(place: Place, cpus: float) -> Iterator[Group]:
    """Make a group that may use `cpus` CPUs; remove it again, whatever happens, once its processes have ended.

    Raises:
        OSError: the kernel does not let this user.
    """
    _sweep(place)
    folder = place.folder / f"{_PREFIX}{os.getpid()}"
    folder.mkdir(exist_ok=True)
    try:
        quota = round(cpus * PERIOD_US)
        if place.unified:
            (folder / "cpu.max").write_text(f"{quota} {PERIOD_US}")
        else:
            (folder / "cpu.cfs_period_us").write_text(str(PERIOD_US))
            (folder / "cpu.cfs_quota_us").write_text(str(quota))
        yield Group(folder)
    finally:
        _remove(folder)


def _remove(folder: Path) -> None:
    end = time.monotonic() + _REMOVE_S
    while folder.exists():
        try:
            folder.rmdir()
        except OSError as exc:
            if time.monotonic() > end:
                raise ModelError(f"{folder}: want to remove this cgroup, found: {exc.strerror}; rmdir it") from None
            time.sleep(_TICK_S)


def _sweep(place: Place) -> None:
    """Remove what a killed bench left behind."""
    for folder in place.folder.glob(f"{_PREFIX}*"):
        if not Path("/proc", folder.name.removeprefix(_PREFIX)).exists():
            with suppress(OSError):
                folder.rmdir()
