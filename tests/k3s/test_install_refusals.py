"""install.sh refuses with one line, before it has touched anything."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from k3s_support import CONFIG, K3S, VERSION, Box, carried, fetched, sums


def refused(box: Box, *args: str | Path) -> str:
    """Run install.sh, hold it to its promise, and return the reason it gave."""
    before = box.tree()
    done = box.install(*args)
    said = [line for line in done.stderr.splitlines() if not line.startswith("install.sh: warning:")]
    assert (done.returncode, len(said)) == (2, 1), done.stderr
    assert said[0].startswith("install.sh: refused: ")
    assert box.tree() == before
    assert box.calls == []
    return said[0].removeprefix("install.sh: refused: ")


def taken(port: str) -> str:
    return f"  sl  local_address rem_address   st\n   0: 00000000:{port} 00000000:0000 0A\n"


BOXES: dict[str, tuple[Callable[[Box], object], str]] = {
    "not-root": (lambda b: b.stub("id", "echo 1000"), "needs root: run it with sudo"),
    "no-systemd": (lambda b: (b.root / "run/systemd/system").rmdir(), "systemd does not run here"),
    "no-tool": (lambda b: (b.bin / "awk").unlink(), "'awk' is not on PATH"),
    "no-sysctl": (lambda b: (b.bin / "sysctl").unlink(), "'sysctl' is not on PATH: install it first (package procps)"),
    "armhf": (lambda b: b.stub("uname", "[ $1 = -n ] && echo gateway-1 || echo armv7l"), "architecture armv7l"),
    "localhost": (lambda b: b.stub("uname", "[ $1 = -n ] && echo localhost || echo x86_64"), "every box's name"),
    "bad-name": (lambda b: b.stub("uname", "[ $1 = -n ] && echo Gate_Way || echo x86_64"), "host name 'Gate_Way'"),
    "memory": (lambda b: b.write("proc/meminfo", "MemTotal: 1009732 kB\n"), "986 MB of memory: want at least 1800 MB"),
    "disk": (lambda b: b.stub("df", "echo x; echo /dev/sda 8000 1 5000 1% /"), "5000 MB free on the disk"),
    "nfs": (lambda b: b.stub("stat", "echo nfs"), "is on nfs: containers need a local disk"),
    "cgroup-2": (
        lambda b: b.write("sys/fs/cgroup/cgroup.controllers", "cpuset cpu io pids\n"),
        "cgroup without memory: add 'cgroup_memory=1 cgroup_enable=memory'",
    ),
    "clock": (
        lambda b: b.stub("date", "case $2 in +%F) echo 1970-01-01 ;; *) echo 19700101 ;; esac"),
        "the clock says 1970-01-01, which is in the past",
    ),
    "no-route": (lambda b: b.write("proc/net/route", "Iface\tDestination\n"), "no default route"),
    "port": (lambda b: b.write("proc/net/tcp", taken("192B")), "TCP port 6443 is taken"),
    "port-6": (lambda b: b.write("proc/net/tcp6", taken("280A").replace("00000000:280A", f"{'0' * 32}:280A")), "10250"),
    "kubeadm": (lambda b: b.write("etc/kubernetes/kubelet.conf", ""), "another Kubernetes is installed here"),
    "agent": (lambda b: b.write("etc/systemd/system/k3s-agent.service", ""), "another Kubernetes is installed here"),
    "foreign-k3s": (lambda b: b.write("etc/systemd/system/k3s.service", ""), "was not set up by this script"),
}


@pytest.mark.parametrize(("change", "reason"), BOXES.values(), ids=BOXES.keys())
def test_a_box_that_cannot_be_a_gateway(box: Box, carry: Path, change: Callable[[Box], object], reason: str) -> None:
    change(box)
    if reason.startswith("10250"):
        reason = "TCP port 10250 is taken"
        box.write("proc/net/tcp6", taken("280A"))
    assert reason in refused(box, "--from", carry)


def test_cgroup_version_1_with_memory_off(box: Box, carry: Path) -> None:
    (box.root / "sys/fs/cgroup/cgroup.controllers").unlink()
    lines = ["#subsys_name\thierarchy\tnum_cgroups\tenabled", "cpu\t2\t50\t1", "memory\t0\t60\t0", "pids\t5\t5\t1"]
    box.write("proc/cgroups", "\n".join(lines) + "\n")
    assert refused(box, "--from", carry).startswith("cgroup without memory:")
    box.write("proc/cgroups", "\n".join(lines).replace("0\t60\t0", "3\t60\t1") + "\n")
    assert box.install("--from", carry, "--dry-run").returncode == 0


@pytest.mark.parametrize(
    ("args", "reason"),
    [
        pytest.param([], "want --from DIR, or --version VERSION and --sums FILE", id="nothing"),
        pytest.param(["--version", VERSION], "want --from DIR, or --version", id="no-sums"),
        pytest.param(["--form", "x"], "unknown option '--form'", id="typo"),
        pytest.param(["--from"], "--from needs a value", id="no-value"),
        pytest.param(["--from", "/nowhere"], "--from /nowhere: no such folder", id="no-folder"),
        pytest.param(["--version", VERSION, "--sums", "/nowhere"], "--sums /nowhere: no such file", id="no-sums-file"),
    ],
)
def test_arguments(box: Box, args: list[str], reason: str) -> None:
    assert reason in refused(box, *args)


def _flip(carry: Path) -> None:
    (carry / "bin/k3s").write_text("#!/bin/sh\nrm -rf /\n", encoding="utf-8")


def _smuggle(carry: Path) -> None:
    (carry / "images/more.tar").write_bytes(b"not listed")


def _arm(carry: Path) -> None:
    (carry / "ARCH").write_text("arm64\n", encoding="utf-8")
    sums(carry)


def _old(carry: Path) -> None:
    (carry / "VERSION").write_text("v1.34.2+k3s1\n", encoding="utf-8")
    sums(carry)


def _nonsense(carry: Path) -> None:
    (carry / "VERSION").write_text("stable\n", encoding="utf-8")
    sums(carry)


def _no_chart(carry: Path) -> None:
    next(carry.glob("charts/edge-inference-*.tgz")).unlink()
    sums(carry)


def _no_k3s_images(carry: Path) -> None:
    (carry / "images/k3s-airgap-images-amd64.tar.zst").unlink()
    sums(carry)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        pytest.param(_flip, "./bin/k3s: FAILED", id="changed-on-the-way"),
        pytest.param(_smuggle, "./images/more.tar is not in SHA256SUMS", id="put-in-on-the-way"),
        pytest.param(
            _arm, "is for arm64, this box is amd64: make a folder with 'fetch.sh VERSION amd64 DIR'", id="arch"
        ),
        pytest.param(_old, "K3s v1.34.2+k3s1 does not know failurePolicy 'retry'", id="too-old"),
        pytest.param(_nonsense, "K3s version 'stable': want the form v1.35.7+k3s1", id="no-version"),
        pytest.param(_no_chart, "chart edge-inference-", id="chart-missing"),
        pytest.param(_no_k3s_images, "K3s' own images (k3s-airgap-images-*) are missing", id="k3s-images-missing"),
    ],
)
def test_what_was_carried(box: Box, carry: Path, change: Callable[[Path], None], reason: str) -> None:
    change(carry)
    assert reason in refused(box, "--from", carry)


@pytest.mark.parametrize(
    ("version", "known"),
    [("v1.33.99+k3s1", False), ("v1.34.9+k3s2", False), ("v1.34.10+k3s1", True), ("v1.35.6+k3s1", False),
     ("v1.36.3+k3s1", True), ("v1.37.0+k3s1", True)],
)  # fmt: skip
def test_versions_that_know_the_failure_policy(tmp_path: Path, box: Box, version: str, known: bool) -> None:
    carry = carried(tmp_path / "carry", version)
    if known:
        assert box.install("--from", carry, "--dry-run").returncode == 0
    else:
        assert "may uninstall a failed release" in refused(box, "--from", carry)


def test_sums_without_a_line_for_k3s(tmp_path: Path, box: Box) -> None:
    sums_file = tmp_path / "SHA256SUMS"
    sums_file.write_text("00  ./bin/k3s-arm64\n", encoding="utf-8")
    assert "has no line for 'k3s'" in refused(box, "--version", VERSION, "--sums", sums_file)


def test_file_names_that_k3s_does_not_take(tmp_path: Path, box: Box, carry: Path) -> None:
    manifests = tmp_path / "site"
    manifests.mkdir()
    (manifests / "Belt_Camera.yaml").write_text("kind: HelmChart\n", encoding="utf-8")
    reason = refused(box, "--from", carry, "--manifests", manifests)
    assert "Belt_Camera.yaml: K3s takes only file names of lower-case letters" in reason


def test_a_folder_that_only_fetch_made(tmp_path: Path, box: Box) -> None:
    assert "is asked for by" in refused(box, "--from", fetched(tmp_path / "fetched"))


@pytest.mark.parametrize(
    ("runs", "args", "reason"),
    [
        pytest.param("v1.34.10+k3s1", [], "add --upgrade", id="upgrade-by-accident"),
        pytest.param("v1.36.3+k3s1", ["--upgrade"], "is older: its database cannot go back", id="downgrade"),
    ],
)
def test_another_version_runs(box: Box, carry: Path, runs: str, args: list[str], reason: str) -> None:
    box.write("etc/systemd/system/k3s.service", "")
    box.write(CONFIG, "")
    box.write("usr/local/bin/k3s", f"#!/bin/sh\necho 'k3s version {runs} (0123abcd)'\n").chmod(0o755)
    assert reason in refused(box, "--from", carry, *args)


def test_help_names_every_option() -> None:
    text = (K3S / "install.sh").read_text(encoding="utf-8")
    usage = text[text.index("cat <<'HELP'") : text.index("\nHELP")]
    options = {line.split(")")[0].split("|")[0].strip() for line in text.splitlines() if line.startswith("      --")}
    assert options and all(option in usage for option in options)
