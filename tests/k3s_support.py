"""A gateway that is only a folder: its files under one root, and commands that write down how they were called."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from helm_support import tools

K3S = Path(__file__).parents[1] / "k3s"
CHARTS = K3S.parent / "charts"
VERSION = "v1.35.7+k3s1"
CONFIG = "etc/rancher/k3s/config.yaml.d/50-edge-serve.yaml"

# What install.sh may use for real; everything else on its PATH is a stub.
REAL = [
    "awk",
    "basename",
    "bash",
    "cat",
    "cmp",
    "comm",
    "curl",
    "cut",
    "date",
    "df",
    "dirname",
    "env",
    "find",
    "grep",
    "gzip",
    "head",
    "install",
    "mkdir",
    "mv",
    "printf",
    "rm",
    "sed",
    "sh",
    "sha256sum",
    "sort",
    "stat",
    "tail",
    "tar",
    "timeout",
    "tr",
]
K3S_BINARY = """#!/bin/sh
echo "k3s $*" >>"$CALLS"
case $1 in --version) echo "k3s version {version} (0123abcd)" ;; esac
"""
INSTALLER = """#!/bin/sh
# Stands in for K3s' own installer: writes the unit and the proxies that it was given, as that one does.
echo "installer restart=$INSTALL_K3S_FORCE_RESTART skip=$INSTALL_K3S_SKIP_DOWNLOAD exec=$INSTALL_K3S_EXEC" >>"$CALLS"
echo "[Service]" >"$INSTALL_K3S_SYSTEMD_DIR/k3s.service"
env | grep -E '^(HTTP|HTTPS|NO)_PROXY=' | sort >"$INSTALL_K3S_SYSTEMD_DIR/k3s.service.env"
exit 0
"""
STUBS = {
    "systemctl": 'echo "systemctl $*" >>"$CALLS"',
    "sysctl": 'echo "sysctl $*" >>"$CALLS"',
    "timedatectl": "echo yes",
    "id": "echo 0",
    "uname": "case $1 in -m) echo x86_64 ;; -n) echo gateway-1 ;; *) echo Linux ;; esac",
}
FILES = {
    "proc/meminfo": "MemTotal:        3882532 kB\n",
    "proc/cpuinfo": "processor\t: 0\nprocessor\t: 1\n",
    "proc/net/route": "Iface\tDestination\tGateway\neth0\t00000000\t0102A8C0\n",
    "proc/net/tcp": "  sl  local_address rem_address   st\n   0: 0100007F:0016 00000000:0000 0A\n",
    "proc/net/tcp6": "  sl  local_address rem_address   st\n",
    "sys/fs/cgroup/cgroup.controllers": "cpuset cpu io memory hugetlb pids\n",
}


def chart_version(name: str) -> str:
    """Return the version that a chart's Chart.yaml states."""
    text = (CHARTS / name / "Chart.yaml").read_text(encoding="utf-8")
    return next(line.removeprefix("version:").strip() for line in text.splitlines() if line.startswith("version:"))


DATA = "var/lib/rancher/k3s"
CHART_NAMES = [f"{name}-{chart_version(name)}.tgz" for name in ("camera-ingest", "edge-inference")]


@dataclass(slots=True)
class Box:
    """A bare gateway under `root`; `calls` says what was run on it."""

    root: Path
    bin: Path
    env: dict[str, str] = field(default_factory=dict)

    @classmethod
    def make(cls, folder: Path) -> Box:
        """Lay out a box on which every check passes."""
        box = cls(folder / "root", folder / "stubs")
        box.bin.mkdir(parents=True)
        for name in REAL:
            path = shutil.which(name)
            assert path is not None, f"{name} is not on PATH"
            (box.bin / name).symlink_to(path)
        for name, body in STUBS.items():
            box.stub(name, body)
        for name, text in FILES.items():
            box.write(name, text)
        for name in ("run/systemd/system", "etc/systemd/system", "var/lib", "usr/local/bin"):
            (box.root / name).mkdir(parents=True)
        box.stub("df", "echo Filesystem; echo /dev/mmcblk0p2 29000 3000 26000 11% /")
        box.stub("stat", "echo ext2/ext3")
        return box

    def stub(self, name: str, body: str) -> None:
        """Put a command on the box's PATH."""
        path = self.bin / name
        path.unlink(missing_ok=True)
        path.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
        path.chmod(0o755)

    def write(self, name: str, text: str) -> Path:
        """Write a file of the box."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    @property
    def calls(self) -> list[str]:
        log = self.root.parent / "calls"
        return log.read_text(encoding="utf-8").splitlines() if log.exists() else []

    def install(self, *args: str | Path, script: Path = K3S / "install.sh") -> subprocess.CompletedProcess[str]:
        """Run install.sh on the box."""
        env = {"PATH": str(self.bin), "ROOT": str(self.root), "CALLS": str(self.root.parent / "calls"), **self.env}
        command = ["bash", str(script), *map(str, args)]
        return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)

    def tree(self) -> dict[str, bytes]:
        """Return every file of the box with its content."""
        return {str(p.relative_to(self.root)): p.read_bytes() for p in sorted(self.root.rglob("*")) if p.is_file()}


def sums(folder: Path) -> None:
    """Write SHA256SUMS over a folder, with the tool that operators use."""
    files = sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file() and p.name != "SHA256SUMS")
    done = subprocess.run(["sha256sum", *(f"./{f}" for f in files)], cwd=folder, capture_output=True, check=True)
    (folder / "SHA256SUMS").write_bytes(done.stdout)


def executable(path: Path, text: str) -> None:
    """Write a script that can be run."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)


def fetched(folder: Path, version: str = VERSION) -> Path:
    """Make what fetch.sh makes, with stand-ins for K3s and its installer."""
    executable(folder / "bin/k3s", K3S_BINARY.replace("{version}", version))
    executable(folder / "bin/install-k3s.sh", INSTALLER)
    (folder / "images").mkdir()
    (folder / "images/k3s-airgap-images-amd64.tar.zst").write_bytes(b"K3s' own images")
    (folder / "VERSION").write_text(f"{version}\n", encoding="utf-8")
    (folder / "ARCH").write_text("amd64\n", encoding="utf-8")
    sums(folder)
    return folder


def carried(folder: Path, version: str = VERSION) -> Path:
    """Make what airgap.py packs: the above, our images, the charts that the manifests name."""
    fetched(folder, version)
    (folder / "images/edge-serve-images.tar").write_bytes(b"our images")
    (folder / "charts").mkdir()
    for name in CHART_NAMES:
        (folder / "charts" / name).write_bytes(name.encode())
    sums(folder)
    return folder


def good(done: subprocess.CompletedProcess[str]) -> list[str]:
    """Return the lines that an install.sh printed that did its work."""
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def promised(lines: list[str]) -> list[str]:
    """Return the files that a dry run says it would put."""
    return [line.split()[2] for line in lines if line.startswith("would put: ")]


def component(name: str) -> list[str]:
    """Return how to call one of Kubernetes' programs: by itself, or out of a binary that holds all; empty without."""
    own = name if name == "kubelet" else f"kube-{name}"
    where = tools()["PATH"]
    if path := shutil.which(own, path=where):
        return [path]
    path = shutil.which("kube", path=where)
    return [path, name] if path else []
