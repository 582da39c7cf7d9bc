"""`edgectl image build`: the layer, the configuration, the same bytes twice, and what it refuses."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

import oci_support
from edgectl_support import Run
from oci_support import MANIFEST, blob, config_of, manifest_of, runtime

ROOT = Path(__file__).parents[3]
PUMP = ROOT / "models/pump-failure"


def _files(folder: Path) -> dict[str, str]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


@pytest.fixture
def built(run: Run, bundle: Path, tmp_path: Path) -> Path:
    code, _, err = run("image", "build", bundle, "--runtime", runtime(tmp_path / "rt"), "--output", tmp_path / "out")
    assert (code, err) == (0, "")
    return tmp_path / "out"


def test_the_layer_is_the_bundle_that_root_owns(built: Path, bundle: Path) -> None:
    layer = manifest_of(built)["layers"][-1]
    packed = blob(built, layer["digest"])
    assert (f"sha256:{hashlib.sha256(packed).hexdigest()}", len(packed)) == (layer["digest"], layer["size"])
    with tarfile.open(fileobj=io.BytesIO(packed), mode="r:gz") as tar:
        entries = {entry.name: entry for entry in tar}
        assert list(entries) == [
            "model",
            "model/golden",
            "model/golden/000.npz",
            "model/model.onnx",
            "model/model.toml",
        ]
        content = tar.extractfile("model/model.onnx")
        assert content is not None and content.read() == (bundle / "model.onnx").read_bytes()
    assert {(entry.uid, entry.gid, entry.uname, entry.mtime) for entry in entries.values()} == {(0, 0, "", 0)}
    assert {entry.mode & 0o777 for entry in entries.values() if entry.isfile()} == {0o644}
    assert config_of(built)["rootfs"]["diff_ids"][-1] == f"sha256:{hashlib.sha256(gzip.decompress(packed)).hexdigest()}"


def test_the_configuration_is_the_runtimes_with_the_labels_of_model_dockerfile(built: Path) -> None:
    config = config_of(built)
    assert config["config"]["User"] == "65532:65532"
    assert config["config"]["Env"] == ["PATH=/usr/bin", "EDGE_MODEL=/model"]
    assert config["config"]["Entrypoint"] == ["/usr/local/bin/edge-inference"]
    assert config["config"]["Labels"] == {
        "org.opencontainers.image.title": "edge-model-doubler",
        "org.opencontainers.image.description": "edge-inference with one model",
        "org.opencontainers.image.version": "1.0.0",
        "org.opencontainers.image.revision": "",
    }
    layers = [entry for entry in config["history"] if not entry.get("empty_layer")]
    assert len(layers) == len(config["rootfs"]["diff_ids"]) == len(manifest_of(built)["layers"]) == 2
    assert config["created"] == "1970-01-01T00:00:00Z"


def test_the_labels_are_those_of_model_dockerfile_word_for_word(built: Path) -> None:
    text = (ROOT / "Dockerfiles/model.Dockerfile").read_text()
    for key, value in config_of(built)["config"]["Labels"].items():
        told = value.replace("doubler", "${NAME}").replace("1.0.0", "${VERSION}")
        assert f'{key}="{told}"' in text


def test_the_index_names_it_for_containerd_and_for_podman(built: Path) -> None:
    (root,) = json.loads((built / "index.json").read_bytes())["manifests"]
    assert root["mediaType"] == MANIFEST
    assert set(root["annotations"].values()) == {"localhost/edge-model-doubler:1.0.0"}


def test_the_same_bundle_and_runtime_give_the_same_bytes(run: Run, bundle: Path, built: Path, tmp_path: Path) -> None:
    again = shutil.copytree(bundle, tmp_path / "elsewhere")
    for path in again.rglob("*"):
        os.utime(path, (1, 1))
        path.chmod(0o700)
    (again / "notes.txt").write_text("of this checkout only")
    # Another name and another place of the same runtime.
    other = runtime(tmp_path / "rt2", name="registry.example.com/edge/edge-inference:0.1.0")
    archive = tmp_path / "rt2.tar"
    with tarfile.open(archive, "w") as tar:
        tar.add(other, arcname=".")
    for number, source in enumerate((f"oci:{other}", f"oci-archive:{archive}", str(archive))):
        out = tmp_path / f"again-{number}"
        assert run("image", "build", again, "--runtime", source, "--output", out)[0] == 0
        assert _files(out) == _files(built)


def test_json_says_what_was_made(run: Run, tmp_path: Path) -> None:
    rt = runtime(tmp_path / "rt")
    code, out, _ = run(
        "image", "build", PUMP, "--runtime", rt, "--output", tmp_path / "out", "--registry", "r.example/a", "--json"
    )
    facts = json.loads(out)
    assert (code, facts["image"]) == (0, "r.example/a/edge-model-pump-failure:1.0.0")
    assert facts["layer"]["digest"] == manifest_of(tmp_path / "out")["layers"][-1]["digest"]
    # What buildah made of model.Dockerfile and this bundle: a gateway that has one layer has the other.
    assert facts["layer"]["diff_id"] == "sha256:9c9a0ed363feecc303f47b0bd1947d7126a0034982ec34ab1587feea62f7ee5a"


def _damaged_model(bundle: Path, rt: Path) -> None:
    with (bundle / "model.onnx").open("ab") as file:
        file.write(b"\0")


def _no_bundle(bundle: Path, rt: Path) -> None:
    (bundle / "model.toml").unlink()


def _other_image(bundle: Path, rt: Path) -> None:
    shutil.rmtree(rt)
    runtime(rt, Env=["PATH=/usr/bin"])


def _a_models_image(bundle: Path, rt: Path) -> None:
    shutil.rmtree(rt)
    runtime(rt, Labels={"org.opencontainers.image.title": "edge-model-belt"})


def _damaged_layer(bundle: Path, rt: Path) -> None:
    digest = manifest_of(rt)["layers"][0]["digest"]
    path = rt / "blobs" / digest.replace(":", "/")
    path.write_bytes(path.read_bytes()[:-1] + b"x")


def _missing_layer(bundle: Path, rt: Path) -> None:
    (rt / "blobs" / manifest_of(rt)["layers"][0]["digest"].replace(":", "/")).unlink()


def _no_layout(bundle: Path, rt: Path) -> None:
    (rt / "index.json").unlink()


def _broken_index(bundle: Path, rt: Path) -> None:
    (rt / "index.json").write_text("[")


def _escaping_digest(bundle: Path, rt: Path) -> None:
    index = json.loads((rt / "index.json").read_text())
    index["manifests"][0]["digest"] = "sha256:../../../etc/passwd"
    (rt / "index.json").write_text(json.dumps(index))


def _index(rt: Path, **changes: object) -> None:
    index = json.loads((rt / "index.json").read_text())
    (rt / "index.json").write_text(json.dumps(index | changes))


def _manifest(rt: Path, **changes: object) -> None:
    """Change the manifest, so that its digest is right."""
    root = oci_support.put(rt, json.dumps(manifest_of(rt) | changes).encode(), MANIFEST)
    _index(rt, manifests=[root])


def _config(rt: Path, **changes: object) -> None:
    config = json.dumps(config_of(rt) | changes).encode()
    _manifest(rt, config=oci_support.put(rt, config, "application/vnd.oci.image.config.v1+json"))


def _number_of_images(bundle: Path, rt: Path) -> None:
    _index(rt, manifests=3)


def _word_for_a_platform(bundle: Path, rt: Path) -> None:
    (root,) = json.loads((rt / "index.json").read_text())["manifests"]
    _index(rt, manifests=[root | {"platform": "x"}])


def _name_in_colour(bundle: Path, rt: Path) -> None:
    (root,) = json.loads((rt / "index.json").read_text())["manifests"]
    named = root | {"annotations": {"org.opencontainers.image.ref.name": "\x1b[31mred"}}
    _index(rt, manifests=[named, named])


def _deep_index(bundle: Path, rt: Path) -> None:
    (rt / "index.json").write_text('{"manifests":' + "[" * 100_000)


def _large_index(bundle: Path, rt: Path) -> None:
    (rt / "index.json").write_bytes(b" " * (5 << 20))


def _number_of_layers(bundle: Path, rt: Path) -> None:
    _manifest(rt, layers=3)


def _no_config(bundle: Path, rt: Path) -> None:
    _manifest(rt, config=[1])


def _size_below_nothing(bundle: Path, rt: Path) -> None:
    _manifest(rt, layers=[manifest_of(rt)["layers"][0] | {"size": -1}])


def _list_for_settings(bundle: Path, rt: Path) -> None:
    _config(rt, config=[1])


def _number_for_an_environment(bundle: Path, rt: Path) -> None:
    _config(rt, config={"Env": 3})


def _word_for_layers(bundle: Path, rt: Path) -> None:
    _config(rt, rootfs={"diff_ids": "sha256"})


def _number_for_history(bundle: Path, rt: Path) -> None:
    _config(rt, history=3)


def _number_for_a_system(bundle: Path, rt: Path) -> None:
    _config(rt, os=3)


def _archive_that_leads_to_itself(bundle: Path, rt: Path) -> None:
    shutil.rmtree(rt)
    with tarfile.open(rt, "w") as tar:
        link = tarfile.TarInfo("index.json")
        link.type, link.linkname = tarfile.SYMTYPE, "index.json"
        tar.addfile(link)


def _card_elsewhere(bundle: Path, rt: Path) -> None:
    (bundle / "README.md").symlink_to("/etc/passwd")


def _card_nowhere(bundle: Path, rt: Path) -> None:
    (bundle / "README.md").symlink_to("nowhere")


def _card_that_leads_to_itself(bundle: Path, rt: Path) -> None:
    (bundle / "README.md").symlink_to("README.md")


def _golden_beside(bundle: Path, rt: Path) -> None:
    (bundle / "golden").rename(bundle / "samples")
    (bundle / "golden").symlink_to("samples")


def _model_by_another_name(bundle: Path, rt: Path) -> None:
    (bundle / "model.onnx").rename(bundle / "notes.txt")
    (bundle / "model.onnx").symlink_to("notes.txt")


def _two_images(bundle: Path, rt: Path) -> None:
    index = json.loads((rt / "index.json").read_text())
    index["manifests"] *= 2
    (rt / "index.json").write_text(json.dumps(index))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        pytest.param(_damaged_model, "file.sha256: want", id="damaged-model"),
        pytest.param(_no_bundle, "want a bundle with a file model.toml", id="no-bundle"),
        pytest.param(_other_image, "found one without EDGE_MODEL=/model", id="no-runtime"),
        pytest.param(_a_models_image, "found edge-model-belt, whose files would show through", id="a-models-image"),
        pytest.param(_damaged_layer, "is damaged", id="damaged-layer"),
        pytest.param(_missing_layer, "no such file", id="missing-layer"),
        pytest.param(_no_layout, "want an OCI layout with index.json", id="no-layout"),
        pytest.param(_broken_index, "want an index of images", id="broken-index"),
        pytest.param(_escaping_digest, "want digests of the form sha256:HEX", id="escaping-digest"),
        pytest.param(_two_images, "want one image, or its tag after a colon", id="two-images"),
        pytest.param(_number_of_images, "want an index of images: Expected `array | null`", id="number-of-images"),
        pytest.param(_word_for_a_platform, "want an index of images: Expected `object | null`", id="platform-word"),
        pytest.param(_name_in_colour, "found \\x1b[31mred, \\x1b[31mred", id="name-in-colour"),
        pytest.param(_deep_index, "want an index of images", id="deep-index"),
        pytest.param(_large_index, "want at most 4194304 bytes", id="large-index"),
        pytest.param(_number_of_layers, "want an image's manifest: Expected `array | null`", id="number-of-layers"),
        pytest.param(_no_config, "want an image's manifest: Expected `object`", id="no-config"),
        pytest.param(_size_below_nothing, "want a size, found -1", id="size"),
        pytest.param(_list_for_settings, "want an image's configuration: Expected", id="list-for-settings"),
        pytest.param(_number_for_an_environment, "want an image's configuration: Expected", id="environment"),
        pytest.param(_word_for_layers, "want an image's configuration: Expected", id="word-for-layers"),
        pytest.param(_number_for_history, "want an image's configuration: Expected", id="history"),
        pytest.param(_number_for_a_system, "want an image's configuration: Expected", id="system"),
        pytest.param(_archive_that_leads_to_itself, "index.json: cannot be read", id="link-to-itself"),
        pytest.param(_card_elsewhere, "README.md: want a file of the bundle to pack, found a link", id="card"),
        pytest.param(_card_nowhere, "README.md: want a file of the bundle to pack", id="card-nowhere"),
        pytest.param(_card_that_leads_to_itself, "README.md: want a file of the bundle to pack", id="card-to-itself"),
        pytest.param(_golden_beside, "golden/000.npz: want a file of the bundle to pack", id="golden-folder"),
        pytest.param(_model_by_another_name, "model.onnx: want a file of the bundle to pack", id="model"),
    ],
)
def test_one_line_and_nothing_is_left(
    run: Run, bundle: Path, tmp_path: Path, spoil: Callable[[Path, Path], None], words: str
) -> None:
    rt = runtime(tmp_path / "rt")
    spoil(bundle, rt)
    before = sorted(tmp_path.iterdir())
    code, out, err = run("image", "build", bundle, "--runtime", rt, "--output", tmp_path / "out", "--no-answers")
    assert (code, out, len(err.splitlines())) == (2, "", 1), err
    assert err.startswith("edgectl: ") and words in err
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("options", "words"),
    [
        pytest.param(["--runtime", "nowhere"], "nowhere: nothing there; an image is oci:DIR", id="nothing"),
        pytest.param(["--runtime", "oci:nowhere"], "edgectl: oci:nowhere: nothing there", id="no-directory"),
        pytest.param(["--runtime", "example.com/runtime"], "want a tag or a digest", id="no-tag"),
        pytest.param(["--runtime", "library/debian:12"], "want HOST[:PORT]/NAME:TAG", id="no-host"),
        pytest.param(["--runtime", "RT", "--platform", "linux/arm64"], "found one for linux/amd64", id="platform"),
        pytest.param(["--runtime", "RT", "--registry", "UPPER CASE"], "want HOST[:PORT]/NAME:TAG", id="registry"),
        pytest.param(["--runtime", __file__], "want an OCI archive", id="no-archive"),
    ],
)
def test_options_that_cannot_be(run: Run, bundle: Path, tmp_path: Path, options: list[str], words: str) -> None:
    rt = runtime(tmp_path / "rt")
    words_given = [str(rt) if word == "RT" else word for word in options]
    code, _, err = run("image", "build", bundle, "--output", tmp_path / "out", *words_given)
    assert (code, len(err.splitlines())) == (2, 1), err
    assert words in err and not (tmp_path / "out").exists()


def test_what_go_writes_for_nothing_is_nothing(run: Run, bundle: Path, tmp_path: Path) -> None:
    """null, for a list or a table without an entry."""
    rt = runtime(tmp_path / "rt", Labels=None)
    _config(rt, history=None, rootfs=None)
    _manifest(rt, layers=None)
    code, _, err = run("image", "build", bundle, "--runtime", rt, "--output", tmp_path / "out")
    assert (code, err) == (0, "")
    assert (len(config_of(tmp_path / "out")["history"]), len(manifest_of(tmp_path / "out")["layers"])) == (2, 1)
    assert len(config_of(tmp_path / "out")["rootfs"]["diff_ids"]) == 1


def test_a_bundle_behind_a_link_is_a_bundle(run: Run, bundle: Path, built: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(bundle)
    words = ["--runtime", tmp_path / "rt", "--output", tmp_path / "again"]
    assert run("image", "build", tmp_path / "link", *words)[0] == 0
    assert _files(tmp_path / "again") == _files(built)


def test_a_bundle_that_answers_otherwise_is_no_image(run: Run, bundle: Path, tmp_path: Path) -> None:
    import numpy as np

    golden = bundle / "golden/000.npz"
    with np.load(golden) as arrays:
        kept = {key: array + 5 if key.startswith("out.") else array for key, array in arrays.items()}
    np.savez_compressed(golden, **kept)
    words = ["image", "build", bundle, "--runtime", runtime(tmp_path / "rt"), "--output", tmp_path / "out"]
    code, _, err = run(*words)
    assert (code, len(err.splitlines())) == (2, 1) and "--no-answers" in err
    assert run(*words, "--no-answers")[0] == 0


def test_a_full_disk_leaves_nothing(run: Run, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    rt = runtime(tmp_path / "rt")
    monkeypatch.setattr(Path, "write_bytes", full)
    code, _, err = run("image", "build", bundle, "--runtime", rt, "--output", tmp_path / "out")
    assert (code, "no space left on device" in err) == (2, True)
    assert not [path for path in tmp_path.iterdir() if "out" in path.name]


def test_what_is_there_is_replaced_only_when_asked(run: Run, bundle: Path, built: Path, tmp_path: Path) -> None:
    words = ["image", "build", bundle, "--runtime", tmp_path / "rt", "--output", built]
    code, _, err = run(*words)
    assert (code, "--force replaces it" in err) == (2, True)
    assert run(*words, "--force")[0] == 0


def test_an_index_of_platforms_wants_one(run: Run, bundle: Path, tmp_path: Path) -> None:
    rt, arm = runtime(tmp_path / "rt"), runtime(tmp_path / "arm", architecture="arm64")
    shutil.copytree(arm / "blobs", rt / "blobs", dirs_exist_ok=True)
    entries = []
    for folder, architecture in ((rt, "amd64"), (arm, "arm64")):
        (root,) = json.loads((folder / "index.json").read_text())["manifests"]
        entries.append(root | {"platform": {"os": "linux", "architecture": architecture}})
    kind = "application/vnd.oci.image.index.v1+json"
    top = oci_support.put(rt, json.dumps({"schemaVersion": 2, "mediaType": kind, "manifests": entries}).encode(), kind)
    (rt / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [top]}))
    words = ["image", "build", bundle, "--runtime", rt, "--output", tmp_path / "out"]
    code, _, err = run(*words)
    assert (code, "linux/amd64, linux/arm64" in err) == (2, True)
    assert run(*words, "--platform", "linux/arm64")[0] == 0
    assert config_of(tmp_path / "out")["architecture"] == "arm64"
