"""install.sh on a box where every check passes: what it does, in which order, and that a second run does nothing."""

from __future__ import annotations

import subprocess
import tarfile
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from k3s_support import CHARTS, CONFIG, K3S, VERSION, Box, carried, chart_version, fetched

DATA = "var/lib/rancher/k3s"
CHART_NAMES = [f"{name}-{chart_version(name)}.tgz" for name in ("camera-ingest", "edge-inference")]
MANIFESTS = sorted(path.name for path in (K3S / "manifests").glob("*.yaml"))


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box.make(tmp_path / "box")


@pytest.fixture
def carry(tmp_path: Path) -> Path:
    return carried(tmp_path / "carry")


def good(done: subprocess.CompletedProcess[str]) -> list[str]:
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_dry_run_prints_every_action_and_changes_nothing(box: Box, carry: Path) -> None:
    box.stub("id", "echo 1000")
    before = box.tree()
    lines = good(box.install("--from", carry, "--dry-run"))
    assert box.tree() == before
    assert box.calls == []
    assert lines[0] == f"checks passed: amd64, K3s {VERSION}, air-gapped"
    assert lines[-1] == "nothing was changed"
    assert all(line.startswith("would run: ") for line in lines[1:-1])
    targets = [line.rsplit("/", 1)[-1] for line in lines if line.startswith("would run: mv -f")]
    wanted = ["90-edge-serve-k3s.conf", "50-edge-serve.conf", "50-edge-serve.yaml", "50-edge-serve.conf", "audit.yaml"]
    images = ["edge-serve-images.tar", "k3s-airgap-images-amd64.tar.zst"]
    first = [name for name in MANIFESTS if "namespace" in name]
    rest = [name for name in MANIFESTS if "namespace" not in name]
    assert targets == [*wanted, *images, *CHART_NAMES, "k3s", *first, *rest]


def test_the_dry_run_shows_what_the_real_run_does(box: Box, carry: Path) -> None:
    shown = [line for line in good(box.install("--from", carry, "--dry-run")) if line.startswith("would run: mv -f")]
    before = set(box.tree())
    good(box.install("--from", carry))
    made = {str(box.root / name) for name in set(box.tree()) - before}
    promised = {line.split()[-1] for line in shown}
    unit = {str(box.root / f"etc/systemd/system/k3s.service{end}") for end in ("", ".env")}
    assert made == promised | unit


def test_every_file_is_where_k3s_looks_for_it(box: Box, carry: Path) -> None:
    good(box.install("--from", carry))
    wanted = {
        CONFIG: K3S / "config.yaml",
        f"{DATA}/agent/etc/kubelet.conf.d/50-edge-serve.conf": K3S / "kubelet.conf",
        f"{DATA}/server/audit.yaml": K3S / "audit.yaml",
        "etc/sysctl.d/90-edge-serve-k3s.conf": K3S / "sysctl.conf",
        "etc/systemd/logind.conf.d/50-edge-serve.conf": K3S / "logind.conf",
        "usr/local/bin/k3s": carry / "bin/k3s",
        **{f"{DATA}/agent/images/{path.name}": path for path in (carry / "images").iterdir()},
        **{f"{DATA}/server/static/charts/{name}": carry / "charts" / name for name in CHART_NAMES},
        **{f"{DATA}/server/manifests/{name}": K3S / "manifests" / name for name in MANIFESTS},
    }
    found = box.tree()
    assert {name: found[name] for name in wanted} == {name: path.read_bytes() for name, path in wanted.items()}
    assert not [name for name in found if name.endswith((".new", ".part"))]
    assert (box.root / CONFIG).stat().st_mode & 0o777 == 0o600
    assert (box.root / f"{DATA}/server").stat().st_mode & 0o777 == 0o700


def test_order_settings_then_k3s_then_manifests(box: Box, carry: Path) -> None:
    good(box.install("--from", carry))
    assert [call.split()[0] for call in box.calls] == ["sysctl", "systemctl", "installer", "k3s", "k3s"]
    assert "skip=true exec=server" in box.calls[2]
    assert box.calls[3:] == [
        "k3s kubectl get --raw /readyz",
        "k3s kubectl wait --for=condition=Ready node --all --timeout=60s",
    ]


def test_a_second_run_changes_nothing_and_restarts_nothing(box: Box, carry: Path) -> None:
    good(box.install("--from", carry))
    before = box.tree()
    first = len(box.calls)
    lines = good(box.install("--from", carry))
    assert box.tree() == before
    assert "installer restart=false skip=true exec=server" in box.calls[first:]
    assert not [call for call in box.calls[first:] if call.startswith("systemctl")]
    put = [line for line in lines if not line.startswith(("same: ", "checks passed", "done.", "  k3s kubectl"))]
    assert put == []


def test_a_changed_setting_restarts_k3s(box: Box, carry: Path) -> None:
    good(box.install("--from", carry))
    box.write(CONFIG, "disable: []\n")
    first = len(box.calls)
    good(box.install("--from", carry))
    assert (box.root / CONFIG).read_bytes() == (K3S / "config.yaml").read_bytes()
    assert "installer restart=true skip=true exec=server" in box.calls[first:]


def test_upgrade(box: Box, tmp_path: Path) -> None:
    good(box.install("--from", carried(tmp_path / "old", "v1.34.10+k3s1")))
    new = carried(tmp_path / "new")
    good(box.install("--from", new, "--upgrade"))
    assert (box.root / "usr/local/bin/k3s").read_bytes() == (new / "bin/k3s").read_bytes()


def test_settings_of_the_site_are_left_alone(box: Box, carry: Path) -> None:
    mine = box.write("etc/rancher/k3s/config.yaml.d/90-site.yaml", "node-label: [site=north]\n")
    good(box.install("--from", carry))
    assert mine.read_text(encoding="utf-8") == "node-label: [site=north]\n"


def test_registries_are_put_only_when_given_and_are_root_only(box: Box, carry: Path) -> None:
    good(box.install("--from", carry))
    target = box.root / "etc/rancher/k3s/registries.yaml"
    assert not target.exists()
    good(box.install("--from", carry, "--registries", K3S / "registries.yaml"))
    assert target.stat().st_mode & 0o777 == 0o600


def test_proxies_reach_k3s_and_outlive_a_run_without_them(box: Box, carry: Path) -> None:
    env = box.root / "etc/systemd/system/k3s.service.env"
    box.env = {"https_proxy": "http://proxy.site:3128", "no_proxy": "10.9.0.0/16"}
    good(box.install("--from", carry))
    cluster = "127.0.0.0/8,10.42.0.0/16,10.43.0.0/16,.svc,.cluster.local,localhost"
    wanted = f"HTTPS_PROXY=http://proxy.site:3128\nNO_PROXY=10.9.0.0/16,{cluster}\n"
    assert env.read_text(encoding="utf-8") == wanted
    box.env = {}
    good(box.install("--from", carry))
    assert env.read_text(encoding="utf-8") == wanted


def test_a_failed_action_says_which_and_stops(box: Box, carry: Path) -> None:
    box.stub("sysctl", "exit 1")
    done = box.install("--from", carry)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("install.sh: failed: sysctl --quiet --load")
    assert not (box.root / CONFIG).exists()


def test_warnings_do_not_stop_it(box: Box, carry: Path) -> None:
    box.stub("timedatectl", "echo no")
    box.write("proc/cpuinfo", "processor\t: 0\n")
    done = box.install("--from", carry, "--dry-run")
    good(done)
    said = " ".join(done.stderr.splitlines())
    assert "1 processor" in said and "not synchronised" in said and "192.0.2.x" in said


# --- online


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """Yield the address of a mirror of K3s' releases, and the folder behind it."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            """Say nothing: pytest's output is for failures."""

    folder = tmp_path / "mirror"
    source = fetched(tmp_path / "fetched")
    (folder / VERSION).mkdir(parents=True)
    (folder / VERSION / "k3s").write_bytes((source / "bin/k3s").read_bytes())
    (folder / VERSION / "install.sh").write_bytes((source / "bin/install-k3s.sh").read_bytes())
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", folder
    server.shutdown()
    thread.join()
    server.server_close()


def online(box: Box, address: str, tmp_path: Path, *more: str) -> subprocess.CompletedProcess[str]:
    sums = tmp_path / "fetched/SHA256SUMS"
    mirror = ("--releases", address, "--scripts", address)
    return box.install("--version", VERSION, "--sums", sums, *mirror, *more)


def test_online_fetches_checks_and_packs_the_charts(box: Box, mirror: tuple[str, Path], tmp_path: Path) -> None:
    good(online(box, mirror[0], tmp_path))
    assert (box.root / "usr/local/bin/k3s").read_bytes() == (tmp_path / "fetched/bin/k3s").read_bytes()
    for name in CHART_NAMES:
        with tarfile.open(box.root / f"{DATA}/server/static/charts/{name}") as archive:
            chart = name.rpartition("-")[0]
            found = archive.extractfile(f"{chart}/Chart.yaml")
            assert found is not None and found.read() == (CHARTS / chart / "Chart.yaml").read_bytes()


def test_online_twice_fetches_once(box: Box, mirror: tuple[str, Path], tmp_path: Path) -> None:
    good(online(box, mirror[0], tmp_path))
    before = box.tree()
    (mirror[1] / VERSION / "k3s").unlink()
    good(online(box, mirror[0], tmp_path))
    assert box.tree() == before


@pytest.mark.parametrize("name", ["k3s", "install.sh"])
def test_online_tampered_files_are_never_run(box: Box, mirror: tuple[str, Path], tmp_path: Path, name: str) -> None:
    (mirror[1] / VERSION / name).write_text("#!/bin/sh\necho pwned >>$CALLS\n", encoding="utf-8")
    done = online(box, mirror[0], tmp_path)
    assert done.returncode == 1
    assert "is not what" in done.stderr and "tampering" in done.stderr
    assert box.calls == []
    assert not [path for path in box.tree() if path.endswith(".part")]
    assert not (box.root / "usr/local/bin/k3s").exists()


def test_online_dry_run_fetches_nothing(box: Box, tmp_path: Path) -> None:
    fetched(tmp_path / "fetched")
    before = box.tree()
    lines = good(online(box, "http://127.0.0.1:1", tmp_path, "--dry-run"))
    assert box.tree() == before
    assert [line for line in lines if "curl" in line and "http://127.0.0.1:1/v1.35.7%2Bk3s1/k3s" in line]
