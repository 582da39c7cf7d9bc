"""Registries that answer otherwise than they should: one line, in bounded time and memory."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from edgectl.image.client import Client, Cut, Refused, Request
from edgectl.image.image import read_image
from edgectl.image.media import LAYER, Descriptor
from edgectl.image.reference import Reference
from edgectl.image.registry import Registry
from edgectl.image.releases import run
from edgectl.image.remote import TRIES, Remote
from edgectl.model.errors import ModelError
from oci_odd import ENDLESS, Answer, Odd, odd_registry
from oci_support import MANIFEST, free_port

BLOB = Descriptor(f"sha256:{hashlib.sha256(b'x' * 500).hexdigest()}", 500, LAYER)


@pytest.fixture(autouse=True)
def _home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No login and no authority of whoever runs the tests."""
    for name in ("REGISTRY_AUTH_FILE", "DOCKER_CONFIG", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


def registry(host: str, waits: list[float] | None = None, **env: str) -> Registry:
    """Return one whose waiting takes no time."""
    found = Registry(host, "up", plain_http=True, env={"HOME": "/nowhere", **env})
    found.client.pause = (waits if waits is not None else []).append
    return found


def remote(host: str, folder: Path, waits: list[float]) -> Remote:
    folder.mkdir(exist_ok=True)
    return Remote(registry(host), Reference(host, "up", "1"), folder, waits.append)


# --- how much is read


def _endless(_: str, path: str) -> Answer:
    return Answer(200, None, {"Content-Type": MANIFEST})


def _endless_error(_: str, path: str) -> Answer:
    return Answer(500, None)


def _endless_busy(_: str, path: str) -> Answer:
    return Answer(503, None)


def _endless_redirect(_: str, path: str) -> Answer:
    return Answer(307, None, {"Location": path})


@pytest.mark.parametrize(
    ("answer", "tries", "words"),
    [
        pytest.param(_endless, 1, "want an answer up to 4194304 bytes, found more", id="manifest"),
        pytest.param(_endless_error, 1, "500 Internal", id="error"),
        pytest.param(_endless_busy, 6, "503 Service", id="busy"),
        pytest.param(_endless_redirect, 6, "307 Temporary", id="redirects-without-end"),
    ],
)
def test_a_registry_does_not_choose_how_much_is_read(
    tmp_path: Path, answer: Callable[[str, str], Answer], tries: int, words: str
) -> None:
    with odd_registry(answer) as odd:
        with pytest.raises(ModelError, match=words):
            remote(odd.host, tmp_path / "blobs", []).roots()
        # Each time a document's 4 MiB, and what the sockets hold.
        assert len(odd.requests) == tries and odd.sent < tries * ENDLESS // 8


def test_a_token_without_an_end_is_none() -> None:
    with odd_registry(lambda _, path: Answer(200, None) if "/token" in path else _who(odd)) as odd:
        with pytest.raises(Refused, match="want JSON with a token"):
            registry(odd.host).ask("GET", f"http://{odd.host}/v2/up/x", want=(200,))
        assert odd.sent < ENDLESS // 8


@pytest.mark.parametrize("sizes", [[1], [0], [1, 2], [300, 0, 1]], ids=str)
def test_an_answer_that_is_always_short_ends(tmp_path: Path, sizes: list[int]) -> None:
    """Also one that grows once, begins again, and grows again by the same."""
    given: list[int] = []

    def answer(_: str, path: str) -> Answer:
        given.append(sizes[len(given) % len(sizes)])
        return Answer(200, b"x" * given[-1])

    waits: list[float] = []
    with odd_registry(answer) as odd, pytest.raises(ModelError, match="the answer was shorter than 500 bytes"):
        remote(odd.host, tmp_path / "blobs", waits).fetch([BLOB], lambda _: None)
    assert TRIES - 1 <= len(waits) <= TRIES + 1


def test_ranges_smaller_than_asked_for_get_there(tmp_path: Path) -> None:
    with odd_registry(lambda *_: Answer(206, b"x" * 100)) as odd:
        store = remote(odd.host, tmp_path / "blobs", [])
        store.fetch([BLOB], lambda _: None)
        with store.open(BLOB) as file:
            assert file.read() == b"x" * 500


# --- a full disk


@pytest.mark.parametrize("size", [500, 2 << 20], ids=["at-the-end", "on-the-way"])
def test_a_full_disk_for_temporary_files_is_named(tmp_path: Path, size: int) -> None:
    blob = Descriptor(f"sha256:{'0' * 64}", size, LAYER)
    (tmp_path / "blobs").mkdir()
    (tmp_path / "blobs" / f"{blob.hex}.part").symlink_to("/dev/full")
    with (
        odd_registry(lambda *_: Answer(200, bytes(size))) as odd,
        pytest.raises(ModelError, match=r"cannot be written: no space left on device; .*TMPDIR"),
    ):
        remote(odd.host, tmp_path / "blobs", []).fetch([blob], lambda _: None)


def test_no_room_for_the_manifest_is_named(tmp_path: Path) -> None:
    with odd_registry(lambda *_: Answer(200, b"{}")) as odd:
        store = remote(odd.host, tmp_path / "blobs", [])
        store.folder.rmdir()
        with pytest.raises(ModelError, match="TMPDIR"):
            store.roots()


# --- logins


def _who(odd: Odd, realm: str = "") -> Answer:
    place = realm or f"http://{odd.host}/token"
    return Answer(401, b"", {"WWW-Authenticate": f'Bearer realm="{place}",service="odd"'})


@pytest.mark.parametrize(
    "body",
    [b"<html>", b"[1]", b"3", b"{}", b'{"token": 3}', b'{"token": "a\\nb"}', b"\xff\xfe", b"[" * 100_000],
    ids=["html", "list", "number", "empty", "wrong-type", "line-end", "no-utf8", "deep"],
)
def test_a_realm_without_a_token_is_one_line(body: bytes) -> None:
    with odd_registry(lambda _, path: Answer(200, body) if "/token" in path else _who(odd)) as odd:
        with pytest.raises(Refused) as caught:
            registry(odd.host).ask("GET", f"http://{odd.host}/v2/up/x", want=(200,))
        assert str(caught.value) == f"{odd.host}: login at {odd.host}: want JSON with a token, found another answer"


def test_a_realm_that_is_away_is_named() -> None:
    away = f"127.0.0.1:{free_port()}"
    waits: list[float] = []
    with odd_registry(lambda *_: _who(odd, f"http://{away}/token")) as odd, pytest.raises(Cut) as caught:
        registry(odd.host, waits).ask("GET", f"http://{odd.host}/v2/up/x", want=(200,))
    assert str(caught.value).startswith(f"{odd.host}: login at {away}: no answer: ")
    assert waits == [0.0, 1.0, 2.0, 4.0, 8.0]


@pytest.mark.parametrize(
    "challenge",
    ["Bearer", "Bearer realm", "Bearer realm=", 'Bearer realm="http://[::1"', 'Bearer realm="file:///etc/passwd"'],
)
def test_a_garbled_challenge_is_one_line(challenge: str) -> None:
    with (
        odd_registry(lambda *_: Answer(401, b"", {"WWW-Authenticate": challenge})) as odd,
        pytest.raises(Refused, match="want a realm to log in at"),
    ):
        registry(odd.host).ask("GET", f"http://{odd.host}/v2/up/x", want=(200,))


def test_a_password_does_not_follow_a_redirect_to_another_host(tmp_path: Path) -> None:
    secret = base64.b64encode(b"ann:s3").decode()

    def here(_: str, path: str) -> Answer:
        if not odd.requests[-1][2]:
            return Answer(401, b"", {"WWW-Authenticate": 'Basic realm="odd"'})
        return Answer(307, b"", {"Location": "/v2/up/y" if path.endswith("x") else f"http://{other.host}/blob"})

    with odd_registry(lambda *_: Answer(200, b"blob")) as other, odd_registry(here) as odd:
        (tmp_path / "auth.json").write_text(json.dumps({"auths": {odd.host: {"auth": secret}}}))
        found = registry(odd.host, REGISTRY_AUTH_FILE=str(tmp_path / "auth.json"))
        assert found.ask("GET", f"http://{odd.host}/v2/up/x", want=(200,)).data == b"blob"
    assert [told for _, _, told in odd.requests] == ["", f"Basic {secret}", f"Basic {secret}"]
    assert other.requests == [("GET", "/blob", "")]


# --- addresses, words, waiting


@pytest.mark.parametrize(
    ("url", "plain", "tls"),
    [
        pytest.param("https://r.example/v2/", True, True, id="tls"),
        pytest.param("http://r.example/v2/", True, False, id="no-tls"),
        pytest.param("//r.example/v2/", False, False, id="no-scheme"),
        pytest.param("file:///etc/passwd", False, False, id="file"),
        pytest.param("https:///v2/", False, False, id="no-host"),
        pytest.param("https://r.example:99999/", False, False, id="port"),
        pytest.param("https://[::1", False, False, id="bracket"),
        pytest.param("", False, False, id="nothing"),
    ],
)
def test_where_a_registry_may_send_one(url: str, plain: bool, tls: bool) -> None:
    assert (Client("r.example", plain_http=True).allows(url), Client("r.example").allows(url)) == (plain, tls)


@pytest.mark.parametrize("place", ["file:///etc/passwd", "ftp://x/y", "http://[::1"])
def test_a_redirect_to_anything_else_is_one_line(place: str) -> None:
    with odd_registry(lambda *_: Answer(302, b"", {"Location": place})) as odd, pytest.raises(Refused) as caught:
        registry(odd.host).ask("GET", f"http://{odd.host}/v2/up/x", want=(200,))
    assert "want an HTTP address to go on at, found" in str(caught.value)
    assert place in str(caught.value) and len(odd.requests) == 1


def test_a_registrys_words_do_nothing_to_a_terminal() -> None:
    said = json.dumps({"errors": [{"code": "\x1b[31mRED\nedgectl: pushed fine", "message": "\u202ex" * 300}]})
    with odd_registry(lambda *_: Answer(400, said.encode())) as odd, pytest.raises(Refused) as caught:
        registry(odd.host).ask("GET", f"http://{odd.host}/v2/up/x", want=(200,))
    assert "RED" in str(caught.value) and str(caught.value).isprintable() and len(str(caught.value)) < 300


def test_a_manifests_kind_is_printable_too(tmp_path: Path) -> None:
    kind = {"Content-Type": "a\x1b[31mb"}
    with odd_registry(lambda *_: Answer(200, b"{}", kind)) as odd, pytest.raises(ModelError) as caught:
        read_image(remote(odd.host, tmp_path / "blobs", []))
    assert "want the manifest of an image, found a" in str(caught.value)
    assert str(caught.value).isprintable()


def test_a_busy_registry_is_asked_again_as_late_as_it_wants() -> None:
    told = iter([{}, {"Retry-After": "7"}, {"Retry-After": "86400"}, {"Retry-After": "tomorrow"}])
    waits: list[float] = []
    with odd_registry(
        lambda *_: Answer(429, b"", found) if (found := next(told, None)) is not None else Answer()
    ) as odd:
        assert Client(odd.host, True, {}, waits.append).send(Request("GET", f"http://{odd.host}/")).status == 200
    assert waits == [0.0, 7.0, 60.0, 4.0]


def test_a_program_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="sleep 60: not done within 0 s"):
        run("sleep", "60", timeout_s=0.05)


def test_an_authority_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"SSL_CERT_FILE=/nope: want a file .* found no such file"):
        Registry("r.example", "up", env={"SSL_CERT_FILE": "/nope"}).ask("HEAD", "https://r.example/v2/", want=(200,))
