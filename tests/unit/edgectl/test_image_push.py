"""`edgectl image push` and what is fetched, against Debian's docker-registry and one that keeps halves of pieces."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import urllib3

from edgectl.image.image import Image, read_image
from edgectl.image.kept import Kept
from edgectl.image.reference import Reference
from edgectl.image.registry import Registry
from edgectl.image.remote import Remote
from edgectl.image.store import Directory
from edgectl.image.upload import TRIES, Uploader
from edgectl.model.errors import ModelError
from edgectl_support import Run
from oci_registry import Shelf, spec_registry
from oci_support import MANIFEST, Uplink, blob, docker_registry, free_port, manifest_of, runtime, uplink

SIZE, PIECE = 1_000_000, 200_000


@pytest.fixture(scope="module")
def debian(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with docker_registry(tmp_path_factory.mktemp("registry")) as host:
        yield host


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    with spec_registry() as found:
        yield found


@pytest.fixture(autouse=True)
def _home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No login and no upload of whoever runs the tests."""
    for name in (
        "REGISTRY_AUTH_FILE",
        "DOCKER_CONFIG",
        "XDG_RUNTIME_DIR",
        "XDG_CONFIG_HOME",
        "HTTP_PROXY",
        "http_proxy",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def image(tmp_path: Path) -> Image:
    """One layer of a megabyte that does not compress."""
    return read_image(Directory(runtime(tmp_path / "rt", size=SIZE)))


def uploader(host: str, tmp_path: Path, waits: list[float] | None = None) -> Uploader:
    registry = Registry(host, "up", plain_http=True, pushes=True)
    return Uploader(registry, Kept(tmp_path / "kept"), piece=PIECE, pause=(waits if waits is not None else []).append)


def content(image: Image) -> bytes:
    """Return its only layer."""
    with image.store.open(image.layers[0]) as file:
        return file.read()


def _pull(host: str, name: str, digest: str) -> bytes:
    return urllib3.request("GET", f"http://{host}/v2/{name}/blobs/{digest}", retries=False, timeout=10).data


# --- the command, and a real registry


def test_push_says_its_bytes_first_sends_them_once_and_then_nothing(run: Run, debian: str, tmp_path: Path) -> None:
    rt, to = runtime(tmp_path / "rt", size=SIZE), f"{debian}/once/edge-inference:1"
    code, out, err = run("image", "push", rt, to, "--plain-http", "--dry-run", "--json")
    planned = json.loads(out)
    assert (code, planned["bytes_sent"]) == (0, None)
    assert err == f"1.001 MB of 1.001 MB will cross the uplink to {debian}\n"
    assert urllib3.request("GET", f"http://{debian}/v2/once/edge-inference/tags/list").status == 404
    sent = json.loads(run("image", "push", rt, to, "--plain-http", "--json")[1])
    assert sent["bytes_sent"] == planned["bytes_to_send"] == planned["size"]
    layer = manifest_of(rt)["layers"][0]["digest"]
    assert _pull(debian, "once/edge-inference", layer) == blob(rt, layer)
    again = json.loads(run("image", "push", rt, to, "--plain-http", "--json")[1])
    assert (again["bytes_to_send"], again["bytes_sent"]) == (0, 0)


def test_a_model_links_the_layers_of_the_runtime_beside_it(run: Run, debian: str, bundle: Path, tmp_path: Path) -> None:
    rt, model = runtime(tmp_path / "rt", size=SIZE), tmp_path / "model"
    assert run("image", "push", rt, f"{debian}/site/edge-inference:0.1.0", "--plain-http")[0] == 0
    # The runtime by digest, from the registry, as a workstation without an engine has it.
    digest = json.loads((rt / "index.json").read_text())["manifests"][0]["digest"]
    source = f"{debian}/site/edge-inference@{digest}"
    code, _, err = run("image", "build", bundle, "--runtime", source, "--plain-http", "--output", model)
    assert (code, err) == (0, "1.000 MB of the runtime cross the uplink to here\n")
    to = f"{debian}/site/edge-model-doubler:1.0.0"
    code, out, _ = run("image", "push", model, to, "--plain-http")
    assert code == 0 and "linked from site/edge-inference" in out
    own = sum(each["size"] for each in (manifest_of(model)["layers"][-1], manifest_of(model)["config"]))
    assert f"{(own + len(_manifest(model))) / 1e6:.3f} MB of " in out and out.splitlines()[-1].startswith(
        f"pushed {to}@sha256:"
    )
    reply = urllib3.request(
        "GET", f"http://{debian}/v2/site/edge-model-doubler/manifests/1.0.0", headers={"Accept": MANIFEST}
    )
    assert reply.data == _manifest(model)


def _manifest(layout: Path) -> bytes:
    return blob(layout, json.loads((layout / "index.json").read_text())["manifests"][0]["digest"])


# --- cuts


def test_a_cut_between_pieces_loses_nothing_with_debians_registry(debian: str, image: Image, tmp_path: Path) -> None:
    waits: list[float] = []
    with uplink(debian) as link:
        link.cut_patches = {3}
        sent = uploader(link.host, tmp_path, waits).send(image.store, image.layers[0], lambda _: None)
    # The third piece was read here, but never came there.
    assert (len(waits), link.patches) == (1, 7)
    assert sent <= image.layers[0].size + PIECE
    assert _pull(debian, "up", image.layers[0].digest) == content(image)


def test_a_cut_within_a_piece_begins_again_with_debians_registry(debian: str, tmp_path: Path) -> None:
    """It forgets an upload whose last piece came in half; the push gets there all the same."""
    image = read_image(Directory(runtime(tmp_path / "rt", size=SIZE + 1)))
    with uplink(debian) as link:
        link.cut_at = [500_000]
        sent = uploader(link.host, tmp_path).send(image.store, image.layers[0], lambda _: None)
    assert sent > image.layers[0].size
    assert _pull(debian, "up", image.layers[0].digest) == content(image)


@pytest.mark.parametrize("cuts", [[500_000], [1000, 300_000, 250_001], [900_000]], ids=["one", "three", "near-the-end"])
def test_a_cut_goes_on_at_the_byte_where_a_registry_that_keeps_halves_is(
    shelf: Shelf, image: Image, tmp_path: Path, cuts: list[int]
) -> None:
    shown: list[int] = []
    with uplink(shelf.host) as link:
        link.cut_at = list(cuts)
        uploader(link.host, tmp_path).send(image.store, image.layers[0], shown.append)
    layer = image.layers[0]
    assert not link.cut_at
    assert shelf.received == layer.size
    assert shelf.blobs == {layer.digest: content(image)}
    assert sum(shown) == layer.size


def test_the_next_run_goes_on_where_the_last_one_was_ended(shelf: Shelf, image: Image, tmp_path: Path) -> None:
    layer, waits = image.layers[0], list[float]()
    with uplink(shelf.host) as link:
        link.cut_at = [600_000, *[0] * 1000]
        with pytest.raises(
            ModelError, match=f"{TRIES} tries in a row brought nothing; run it again, it goes on from there"
        ):
            uploader(link.host, tmp_path, waits).send(image.store, layer, lambda _: None)
        had = shelf.received
        assert 400_000 < had < layer.size and max(waits) == 60.0
        # The first question of the next run is cut as well: that costs a wait, and not what came before.
        link.sent, link.cut_at = 0, [0, 0]
        waits.clear()
        assert uploader(link.host, tmp_path, waits).send(image.store, layer, lambda _: None) == layer.size - had
        assert (waits, link.cut_at) == ([1.0, 2.0], [])
    assert shelf.received == layer.size
    assert not list((tmp_path / "kept").iterdir())


def test_a_registry_that_is_busy_is_waited_for(shelf: Shelf, image: Image, tmp_path: Path) -> None:
    waits: list[float] = []
    shelf.busy_at = {2, 3, 5}
    uploader(shelf.host, tmp_path, waits).send(image.store, image.layers[0], lambda _: None)
    assert (waits, shelf.received) == ([1.0, 2.0, 1.0], image.layers[0].size)


def test_an_upload_that_the_registry_forgot_begins_again(shelf: Shelf, image: Image, tmp_path: Path) -> None:
    layer, first = image.layers[0], uploader(shelf.host, tmp_path)
    first.kept.keep(first.registry, layer, f"http://{shelf.host}/v2/up/blobs/uploads/gone")
    assert first.send(image.store, layer, lambda _: None) == layer.size


@pytest.mark.parametrize("url", ["garbage", "http://[::1", "ftp://x/y", "http://h:99999/"])
def test_an_address_that_was_kept_and_is_none_is_not_asked(
    shelf: Shelf, image: Image, tmp_path: Path, url: str
) -> None:
    layer, waits = image.layers[0], list[float]()
    sender = uploader(shelf.host, tmp_path, waits)
    sender.kept.keep(sender.registry, layer, url)
    assert (sender.send(image.store, layer, lambda _: None), waits) == (layer.size, [])


def test_what_is_fetched_goes_on_after_a_cut_and_is_held_to_its_digest(
    shelf: Shelf, image: Image, tmp_path: Path
) -> None:
    layer = image.layers[0]
    shelf.blobs[layer.digest] = content(image)
    shelf.broken_reads = [300_000, 0, 100_000]
    waits: list[float] = []
    (tmp_path / "fetched").mkdir()
    registry = Registry(shelf.host, "up", plain_http=True)
    remote = Remote(registry, Reference(shelf.host, "up", "1"), tmp_path / "fetched", waits.append)
    shown: list[int] = []
    remote.fetch([layer], shown.append)
    assert sum(shown) == layer.size and len(waits) == 3
    with remote.open(layer) as file:
        assert file.read() == shelf.blobs[layer.digest]


# --- what stops a push


def test_a_damaged_blob_is_not_sent(run: Run, shelf: Shelf, tmp_path: Path) -> None:
    rt = runtime(tmp_path / "rt")
    digest = manifest_of(rt)["layers"][0]["digest"]
    (rt / "blobs" / digest.replace(":", "/")).write_bytes(b"x" * manifest_of(rt)["layers"][0]["size"])
    code, _, err = run("image", "push", rt, f"{shelf.host}/up:1", "--plain-http")
    assert (code, shelf.received, shelf.manifests) == (2, 0, {}) and "is damaged" in err


@pytest.mark.parametrize(
    ("to", "words"),
    [
        pytest.param("HOST/up", "found no tag", id="no-tag"),
        pytest.param(f"HOST/up:1@sha256:{'0' * 64}", "found a digest", id="digest"),
        pytest.param("up:1", "found no host", id="no-host"),
        pytest.param("HOST/Up:1", "found the name 'Up'", id="upper-case"),
        pytest.param("HOST/up:b@d", "found the digest 'd'", id="bad-digest"),
        pytest.param("HOST/up:", "found the tag ''", id="empty-tag"),
    ],
)
def test_where_to_is_said_in_full(run: Run, shelf: Shelf, tmp_path: Path, to: str, words: str) -> None:
    code, _, err = run("image", "push", runtime(tmp_path / "rt"), to.replace("HOST", shelf.host), "--plain-http")
    assert (code, len(err.splitlines())) == (2, 1) and words in err
    assert not shelf.requests


def test_tls_is_the_default_and_its_absence_is_told(run: Run, debian: str, tmp_path: Path) -> None:
    code, _, err = run("image", "push", runtime(tmp_path / "rt"), f"{debian}/up:1")
    assert (code, err) == (2, f"edgectl: {debian}: does not speak TLS; --plain-http for a registry in a lab\n")


def test_nobody_there_is_one_line(tmp_path: Path) -> None:
    nobody = f"127.0.0.1:{free_port()}"
    image = read_image(Directory(runtime(tmp_path / "rt")))
    with pytest.raises(ModelError, match=rf"{nobody}: no answer: .*[Cc]onnection refused"):
        uploader(nobody, tmp_path).send(image.store, image.layers[0], lambda _: None)


def test_an_uplink_counts_what_goes_over_it() -> None:
    """The tests above rely on it."""
    link = Uplink(1, cut_at=[10])
    assert link.passes(b"12345678") == b"12345678"
    assert (link.passes(b"abcd"), link.passes(b"efgh")) == (b"ab", b"efgh")
