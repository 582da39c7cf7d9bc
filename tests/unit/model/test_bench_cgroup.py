"""CPU limits: where a group can be made, that it binds, and that nothing is left behind."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from edgectl.model.bench.cgroup import Group, Place, find, limited, why_not
from edgectl.model.bench.inside import throttled_share


def _tree(root: Path, memberships: str, files: dict[str, str]) -> Path:
    for name, text in {"proc/self/cgroup": memberships, **files}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


@pytest.mark.parametrize(
    ("memberships", "files", "wanted"),
    [
        pytest.param(
            "4:cpu,cpuacct:/a\n", {"sys/fs/cgroup/cpu,cpuacct/a/tasks": ""}, ("cpu,cpuacct/a", False), id="v1"
        ),
        pytest.param("4:cpu:/gone\n0::/\n", {"sys/fs/cgroup/cpu/tasks": ""}, ("cpu", False), id="v1-in-a-namespace"),
        pytest.param(
            "0::/user.slice/shell\n",
            {
                "sys/fs/cgroup/cgroup.controllers": "cpu memory",
                "sys/fs/cgroup/cgroup.subtree_control": "cpu memory\n",
                "sys/fs/cgroup/user.slice/cgroup.subtree_control": "cpu\n",
                "sys/fs/cgroup/user.slice/shell/cgroup.subtree_control": "",
            },
            ("user.slice", True),
            id="v2-nearest-that-delegates",
        ),
        pytest.param(
            "0::/\n",
            {"sys/fs/cgroup/cgroup.controllers": "cpu", "sys/fs/cgroup/cgroup.subtree_control": ""},
            None,
            id="v2-nobody-delegates",
        ),
        pytest.param("1:memory:/\n0::/\n", {"sys/fs/cgroup/memory/tasks": ""}, None, id="no-cpu-controller"),
    ],
)
def test_find(tmp_path: Path, memberships: str, files: dict[str, str], wanted: tuple[str, bool] | None) -> None:
    place = find(_tree(tmp_path, memberships, files))
    assert place == (Place(tmp_path / "sys/fs/cgroup" / wanted[0], wanted[1]) if wanted else None)


def test_v2_writes_quota_and_period(tmp_path: Path) -> None:
    with limited(Place(tmp_path, unified=True), 0.5) as group:
        assert (group.folder / "cpu.max").read_text() == "50000 100000"
        (group.folder / "cpu.max").unlink()  # the kernel's files go with the group; these are no such files
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_bench_left_is_swept_away(tmp_path: Path) -> None:
    (tmp_path / "edgectl-bench-99999999").mkdir()
    (tmp_path / f"edgectl-bench-{os.getppid()}").mkdir()
    with limited(Place(tmp_path, unified=True), 1.0) as group:
        (group.folder / "cpu.max").unlink()
    assert [path.name for path in tmp_path.iterdir()] == [f"edgectl-bench-{os.getppid()}"]


def test_why_not_is_one_line(tmp_path: Path) -> None:
    assert "want the kernel's cpu controller" in why_not(None)
    reason = why_not(Place(tmp_path / "none", unified=True))
    assert reason.startswith("CPU limits are left out: want to make a cgroup under")
    assert "\n" not in reason


def test_throttled_share(tmp_path: Path) -> None:
    (tmp_path / "cpu.stat").write_text("nr_periods 30\nnr_throttled 16\nthrottled_time 5\n")
    group = Group(tmp_path)
    assert throttled_share((10, 1), group) == 0.75
    assert throttled_share((30, 16), group) == 0.0
    assert throttled_share(None, None) is None


@pytest.mark.skipif(bool(why_not(find())), reason="no cgroup can be made here")
def test_a_real_limit_binds_and_goes() -> None:
    place = find()
    assert place is not None
    with limited(place, 0.05) as group:
        child = os.fork()
        if child == 0:
            group.procs.write_text(str(os.getpid()))
            end = time.process_time() + 0.05
            while time.process_time() < end:
                pass
            os._exit(0)
        os.waitpid(child, 0)
        periods, held = group.throttled()
        assert held >= 1
        assert held <= periods
    assert not group.folder.exists()
