"""How much CPU this process may really use: cgroup limit (v1 and v2) and affinity."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from edge_inference.cgroup import groups, read, unified


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


def _v2_quotas(root: Path) -> list[float]:
    pairs = [read(group / "cpu.max").split() for group in unified(root)]
    return [_ratio(pair[0], pair[1]) for pair in pairs if len(pair) == 2]


def _v1_quotas(root: Path) -> list[float]:
    return [
        _ratio(read(group / "cpu.cfs_quota_us"), read(group / "cpu.cfs_period_us")) for group in groups(root, "cpu")
    ]


def _cpuset_sizes(root: Path) -> list[int]:
    texts = [read(group / "cpuset.cpus.effective") for group in unified(root)]
    texts += [read(group / "cpuset.cpus") for group in groups(root, "cpuset")]
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
