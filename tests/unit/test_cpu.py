"""How much CPU there is, read from fake file trees: the least limit on the way to the root counts."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edge_inference.cpu import CpuLimit, cpu_limit

ALL = 64  # what the affinity mask allows in these tests
V2 = {"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cgroup.controllers": "cpu cpuset"}
V1 = {"proc/self/cgroup": "4:cpu,cpuacct:/docker/abc\n3:cpuset:/docker/abc\n0::/system.slice\n"}
V1_CPU, V1_SET = "sys/fs/cgroup/cpu,cpuacct", "sys/fs/cgroup/cpuset"


def v1(group: str, quota: str, period: str = "100000") -> dict[str, str]:
    return {f"{V1_CPU}{group}/cpu.cfs_quota_us": quota, f"{V1_CPU}{group}/cpu.cfs_period_us": period}


CASES: dict[str, tuple[dict[str, str], float, int]] = {
    "no cgroups at all": ({}, ALL, ALL),
    "v2 without a limit": (V2 | {"sys/fs/cgroup/cpu.max": "max 100000\n"}, ALL, ALL),
    "v2 two cores": (V2 | {"sys/fs/cgroup/cpu.max": "200000 100000\n"}, 2.0, 2),
    "v2 a fraction is rounded down": (V2 | {"sys/fs/cgroup/cpu.max": "350000 100000"}, 3.5, 3),
    "v2 less than a core is one thread": (V2 | {"sys/fs/cgroup/cpu.max": "25000 100000"}, 0.25, 1),
    "v2 another period": (V2 | {"sys/fs/cgroup/cpu.max": "30000 10000"}, 3.0, 3),
    "v2 not rounded below a whole core": (V2 | {"sys/fs/cgroup/cpu.max": "299999999999 100000000000"}, 3.0, 3),
    "v2 nonsense is no limit": (V2 | {"sys/fs/cgroup/cpu.max": "a b"}, ALL, ALL),
    "v2 empty": (V2 | {"sys/fs/cgroup/cpu.max": ""}, ALL, ALL),
    "v2 a period of zero": (V2 | {"sys/fs/cgroup/cpu.max": "1000 0"}, ALL, ALL),
    "v2 nested, the parent is tighter": (
        V2
        | {
            "proc/self/cgroup": "0::/pod/box\n",
            "sys/fs/cgroup/pod/cpu.max": "150000 100000",
            "sys/fs/cgroup/pod/box/cpu.max": "400000 100000",
        },
        1.5,
        1,
    ),
    "v2 nested, the child is tighter": (
        V2
        | {
            "proc/self/cgroup": "0::/pod/box\n",
            "sys/fs/cgroup/pod/cpu.max": "800000 100000",
            "sys/fs/cgroup/pod/box/cpu.max": "400000 100000",
        },
        4.0,
        4,
    ),
    "v2 another group's limit is not ours": (
        V2
        | {"proc/self/cgroup": "0::/mine\n", "sys/fs/cgroup/mine/cpu.max": "max 1", "sys/fs/cgroup/x/cpu.max": "1 1"},
        ALL,
        ALL,
    ),
    "v2 a path of the host, seen inside a namespace": (
        V2 | {"proc/self/cgroup": "0::/kubepods/pod1\n", "sys/fs/cgroup/cpu.max": "200000 100000"},
        2.0,
        2,
    ),
    "v2 a path that leads out": (
        V2 | {"proc/self/cgroup": "0::/../../other\n", "sys/fs/cgroup/cpu.max": "200000 100000"},
        2.0,
        2,
    ),
    "v2 a cpuset": (V2 | {"sys/fs/cgroup/cpuset.cpus.effective": "0-3,6\n"}, 5.0, 5),
    "v2 an empty cpuset is none": (V2 | {"sys/fs/cgroup/cpuset.cpus.effective": "\n"}, ALL, ALL),
    "v1 one and a half": (V1 | v1("/docker/abc", "150000"), 1.5, 1),
    "v1 without a limit": (V1 | v1("/docker/abc", "-1"), ALL, ALL),
    "v1 nested, the parent is tighter": (V1 | v1("/docker", "200000") | v1("/docker/abc", "400000"), 2.0, 2),
    "v1 inside a container: the group is the mount": (V1 | v1("", "300000"), 3.0, 3),
    "v1 mounted as cpu alone": (
        V1 | {"sys/fs/cgroup/cpu/cpu.cfs_quota_us": "100000", "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000"},
        1.0,
        1,
    ),
    "v1 a cpuset": (V1 | {f"{V1_SET}/docker/abc/cpuset.cpus": "2,4"}, 2.0, 2),
    "v1 the tighter of quota and cpuset": (
        V1 | v1("/docker/abc", "400000") | {f"{V1_SET}/docker/abc/cpuset.cpus": "0-1"},
        2.0,
        2,
    ),
}


@pytest.mark.parametrize(("tree", "cores", "threads"), CASES.values(), ids=CASES)
def test_limit(tmp_path: Path, tree: dict[str, str], cores: float, threads: int) -> None:
    for name, text in tree.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    found = cpu_limit(tmp_path, ALL)
    assert found.cores == pytest.approx(cores, rel=1e-6) and found.threads == threads


def test_affinity_is_the_least(tmp_path: Path) -> None:
    assert cpu_limit(tmp_path, 3) == CpuLimit(3.0, 3)
    assert cpu_limit(tmp_path).threads == len(os.sched_getaffinity(0))


def test_on_this_machine() -> None:
    found = cpu_limit()
    assert 0 < found.cores <= len(os.sched_getaffinity(0)) and found.threads >= 1
