"""install.sh on a box where every check passes: what it does, in which order, and that a second run does nothing."""

from __future__ import annotations

import re
from pathlib import Path

from k3s_support import CHART_NAMES, CONFIG, DATA, K3S, VERSION, Box, carried, good, promised

MANIFESTS = sorted(path.name for path in (K3S / "manifests").glob("*.yaml"))


def test_dry_run_prints_every_action_and_changes_nothing(box: Box, carry: Path) -> None:
    box.stub("id", "echo 1000")
    before = box.tree()
    lines = good(box.install("--from", carry, "--dry-run"))
    assert box.tree() == before
    assert box.calls == []
    assert lines[0] == f"checks passed: amd64, K3s {VERSION}, air-gapped"
    assert lines[-1] == "nothing was changed"
    assert all(line.startswith(("would run: ", "would put: ", "would wait: ")) for line in lines[1:-1])
    targets = [target.rsplit("/", 1)[-1] for target in promised(lines)]
    wanted = ["90-edge-serve-k3s.conf", "50-edge-serve.conf", "50-edge-serve.yaml", "50-edge-serve.conf", "audit.yaml"]
    images = ["edge-serve-images.tar", "k3s-airgap-images-amd64.tar.zst"]
    first = [name for name in MANIFESTS if "namespace" in name]
    rest = [name for name in MANIFESTS if "namespace" not in name]
    assert targets == [*wanted, *images, *CHART_NAMES, "k3s", *first, *rest]


def test_the_dry_run_shows_what_the_real_run_does(box: Box, carry: Path) -> None:
    shown = set(promised(good(box.install("--from", carry, "--dry-run"))))
    before = set(box.tree())
    good(box.install("--from", carry))
    made = {str(box.root / name) for name in set(box.tree()) - before}
    unit = {str(box.root / f"etc/systemd/system/k3s.service{end}") for end in ("", ".env")}
    assert made == shown | unit


def test_where_the_last_line_leads_is_in_the_readme(box: Box, carry: Path) -> None:
    (done,) = [line for line in good(box.install("--from", carry)) if line.startswith("done.")]
    title, step = re.findall(r"README.md, '(.+)', from step (\d) on", done)[0]
    text = (K3S / "README.md").read_text(encoding="utf-8")
    assert f"\n**{step}. " in text.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


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
    put = [line for line in lines if not line.startswith(("same: ", "checks passed", "done.", "  sudo k3s kubectl"))]
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


def test_an_archive_of_its_own_outlives_the_next_run(box: Box, carry: Path, tmp_path: Path) -> None:
    """Who goes back to a version wants its image pinned; the archive of the day only has the newest."""
    older = tmp_path / "belt-detector-1.0.0.tar"
    older.write_bytes(b"the version before")
    good(box.install("--from", carry, "--images", older))
    good(box.install("--from", carry))
    assert (box.root / f"{DATA}/agent/images" / older.name).read_bytes() == older.read_bytes()
