"""How much CPU this process may really use: cgroup limit (v1 and v2) and affinity."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class CpuLimit:
    """`cores` this process may use (fractions possible) and the `threads` that fit."""

    cores: float
    threads: int


def cpu_limit(root: Path = Path("/"), affinity: int | None = None) -> CpuLimit:
    """Return the least of the cgroup quotas on the way to the root, the cpuset and the affinity mask.

    `root` is the file system's root (a fake tree in tests). Threads are rounded down, at least 1: a thread
    more than the quota allows is throttled in the middle of an inference.
    """
    count = affinity or len(os.sched_getaffinity(0))
    quotas = [quota for quota in (*_v2_quotas(root), *_v1_quotas(root)) if quota > 0]
    cores = min([float(count), *map(float, _cpuset_sizes(root)), *quotas])
    return CpuLimit(cores, max(1, int(cores + 1e-6)))


def _memberships(root: Path) -> list[tuple[str, str]]:
    """(controllers, path) of /proc/self/cgroup; v2 has empty controllers."""
    lines = _read(root / "proc/self/cgroup").splitlines()
    parts = [line.split(":", 2) for line in lines if line.count(":") >= 2]
    return [(controllers, path) for _, controllers, path in parts]


def _chain(mount: Path, path: str) -> list[Path]:
    """The group's directory and all its parents up to the mount; just the mount inside a cgroup namespace."""
    inside = mount / path.strip("/")
    if not inside.is_dir() or ".." in Path(path).parts:
        return [mount]
    return [inside, *[p for p in inside.parents if p == mount or mount in p.parents]]


def _groups(root: Path, controller: str) -> list[Path]:
    for controllers, path in _memberships(root):
        if controller in controllers.split(","):
            for mounted in (controller, controllers):
                mount = root / "sys/fs/cgroup" / mounted
                if mount.is_dir():
                    return _chain(mount, path)
    return []


def _unified(root: Path) -> list[Path]:
    for controllers, path in _memberships(root):
        mount = root / "sys/fs/cgroup"
        if controllers == "" and (mount / "cgroup.controllers").exists():
            return _chain(mount, path)
    return []


def _v2_quotas(root: Path) -> list[float]:
    pairs = [_read(group / "cpu.max").split() for group in _unified(root)]
    return [_ratio(pair[0], pair[1]) for pair in pairs if len(pair) == 2]


def _v1_quotas(root: Path) -> list[float]:
    return [
        _ratio(_read(group / "cpu.cfs_quota_us"), _read(group / "cpu.cfs_period_us")) for group in _groups(root, "cpu")
    ]


def _cpuset_sizes(root: Path) -> list[int]:
    texts = [_read(group / "cpuset.cpus.effective") for group in _unified(root)]
    texts += [_read(group / "cpuset.cpus") for group in _groups(root, "cpuset")]
    return [size for size in map(_set_size, texts) if size > 0]


def _set_size(text: str) -> int:
    """Size of a list such as `0-3,6`."""
    size = 0
    for part in filter(None, text.strip().split(",")):
        low, _, high = part.partition("-")
        size += int(high or low) - int(low) + 1
    return size


def _ratio(quota: str, period: str) -> float:
    try:
        return int(quota) / int(period)
    except (ValueError, ZeroDivisionError):
        return 0.0  # "max", -1 or unreadable: no limit here


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
