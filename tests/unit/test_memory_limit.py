"""How much memory there may be, read from fake file trees: the least limit on the way to the root counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_inference.memory import memory_limit

V2 = {"proc/self/cgroup": "0::/kube/pod\n", "sys/fs/cgroup/cgroup.controllers": "cpu memory"}
V1 = {"proc/self/cgroup": "4:memory:/docker/abc\n"}


@pytest.mark.parametrize(
    ("files", "limit"),
    [
        pytest.param({}, 0, id="no cgroup"),
        pytest.param(V2, 0, id="no limit written"),
        pytest.param(V2 | {"sys/fs/cgroup/kube/pod/memory.max": "max"}, 0, id="max"),
        pytest.param(V2 | {"sys/fs/cgroup/kube/pod/memory.max": "209715200\n"}, 209_715_200, id="v2"),
        pytest.param(
            V2 | {"sys/fs/cgroup/kube/pod/memory.max": "max", "sys/fs/cgroup/kube/memory.max": "1000"},
            1000,
            id="of the pod around it",
        ),
        pytest.param(
            V2 | {"sys/fs/cgroup/kube/pod/memory.max": "100", "sys/fs/cgroup/kube/memory.max": "1000"}, 100, id="least"
        ),
        pytest.param(
            {**V2, "proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "5000"},
            5000,
            id="in a namespace of its own",
        ),
        pytest.param(V1 | {"sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes": "4096"}, 4096, id="v1"),
        pytest.param(
            V1 | {"sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes": "9223372036854771712"}, 0, id="v1 none"
        ),
    ],
)
def test_memory_limit(tmp_path: Path, files: dict[str, str], limit: int) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert memory_limit(tmp_path) == limit
