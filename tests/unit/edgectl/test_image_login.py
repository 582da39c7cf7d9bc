"""Logins for registries: from the usual files, by password, by token and by a credential helper."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edgectl.image.auth import Login, login
from edgectl.image.image import read_image
from edgectl.image.kept import Kept
from edgectl.image.registry import Registry
from edgectl.image.store import Directory
from edgectl.image.upload import Uploader
from edgectl.model.errors import ModelError
from edgectl_support import Run
from oci_registry import spec_registry
from oci_support import runtime

HELPER = """#!/bin/sh
read -r server
case $server in
  known.example) echo '{"ServerURL":"known.example","Username":"ann","Secret":"s3"}' ;;
  token.example) echo '{"Username":"<token>","Secret":"identity"}' ;;
  broken.example) echo 'the keyring is locked'; exit 1 ;;
  *) echo 'credentials not found in native keychain'; exit 1 ;;
esac
"""


def auth(user: str) -> dict[str, str]:
    return {"auth": base64.b64encode(user.encode()).decode()}


def write(path: Path, document: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))
    return path


@pytest.mark.parametrize(
    ("key", "host", "repository", "found"),
    [
        pytest.param("r.example", "r.example", "a/b", "ann", id="host"),
        pytest.param("r.example:5000", "r.example:5000", "a", "ann", id="port"),
        pytest.param("https://r.example/v1/", "r.example", "a", "ann", id="dockers-old-key"),
        pytest.param("r.example/a", "r.example", "a/b", "ann", id="part-of-the-name"),
        pytest.param("https://index.docker.io/v1/", "docker.io", "library/x", "ann", id="docker-hub"),
        pytest.param("r.example/a", "r.example", "ab/c", "", id="another-name"),
        pytest.param("r.example:5000", "r.example", "a", "", id="another-port"),
    ],
)
def test_the_entry_of_a_repository(tmp_path: Path, key: str, host: str, repository: str, found: str) -> None:
    path = write(tmp_path / "auth.json", {"auths": {key: auth("ann:s3:cret")}})
    assert login(host, repository, {"REGISTRY_AUTH_FILE": str(path)}) == (Login(found, "s3:cret") if found else Login())


def test_the_closest_entry_and_the_first_file_win(tmp_path: Path) -> None:
    env = {"HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path / "run")}
    write(tmp_path / ".docker/config.json", {"auths": {"r.example": auth("docker:1"), "s.example": auth("docker:1")}})
    write(
        tmp_path / "run/containers/auth.json", {"auths": {"r.example": auth("podman:2"), "r.example/a": auth("team:3")}}
    )
    assert [login(host, name, env).user for host, name in (("r.example", "a/b"), ("r.example", "b"), ("s.example", "b"))] == [
        "team", "podman", "docker",
    ]  # fmt: skip


@pytest.fixture
def helped(tmp_path: Path) -> dict[str, str]:
    program = tmp_path / "bin/docker-credential-ring"
    program.parent.mkdir()
    program.write_text(HELPER)
    program.chmod(0o755)
    path = write(
        tmp_path / "auth.json",
        {"auths": {"known.example": {}}, "credsStore": "ring", "credHelpers": {"x.example": "gone"}},
    )
    return {"REGISTRY_AUTH_FILE": str(path), "PATH": f"{program.parent}:/usr/bin:/bin"}


@pytest.mark.parametrize(
    ("host", "found"),
    [
        pytest.param("known.example", Login("ann", "s3"), id="password"),
        pytest.param("token.example", Login(token="identity"), id="identity-token"),
        pytest.param("nobody.example", Login(), id="unknown"),
    ],
)
def test_a_credential_helper_is_asked(helped: dict[str, str], host: str, found: Login) -> None:
    assert login(host, "a", helped) == found


@pytest.mark.parametrize(
    ("host", "words"),
    [
        ("broken.example", "docker-credential-ring: the keyring is locked"),
        ("x.example", "docker-credential-gone: not on PATH"),
    ],
    ids=["fails", "missing"],
)
def test_a_helper_that_fails_is_told(helped: dict[str, str], host: str, words: str) -> None:
    with pytest.raises(ModelError, match=words):
        login(host, "a", helped)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("{", "want JSON with logins", id="json"),
        pytest.param('{"auths": {"r.example": {"auth": "%%%"}}}', "want the base64 of user:password", id="base64"),
        pytest.param('{"auths": {"r.example": {"auth": "\u00e4"}}}', "want the base64 of user:password", id="no-ascii"),
        pytest.param("[1]", "want a table, .* found \\[1\\]", id="no-table"),
        pytest.param('{"auths": [1]}', "auth.json: auths: want a table", id="auths"),
        pytest.param('{"credHelpers": [1]}', "auth.json: credHelpers: want a table", id="helpers"),
        pytest.param("[" * 100_000, "want JSON with logins", id="deep"),
        pytest.param(None, "no such file", id="missing"),
    ],
)
def test_a_broken_file_is_told(tmp_path: Path, text: str | None, words: str) -> None:
    path = tmp_path / "auth.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ModelError, match=words):
        login("r.example", "a", {"REGISTRY_AUTH_FILE": str(path)})


@pytest.mark.parametrize("text", ['{"auths": null, "credHelpers": null}', "{}", '{"auths": {"r.example": 3}}'])
def test_a_file_without_a_login_has_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "auth.json").write_text(text)
    assert login("r.example", "a", {"REGISTRY_AUTH_FILE": str(tmp_path / "auth.json")}) == Login()


def test_an_identity_token_stands_without_a_password(tmp_path: Path) -> None:
    path = write(tmp_path / "auth.json", {"auths": {"r.example": {"auth": "%%%", "identitytoken": "t"}}})
    assert login("r.example", "a", {"REGISTRY_AUTH_FILE": str(path)}) == Login(token="t")


@pytest.fixture(params=[False, True], ids=["basic", "bearer"])
def guarded(request: pytest.FixtureRequest) -> Iterator[Any]:
    with spec_registry("ann:s3", bearer=request.param) as shelf:
        yield shelf


def _push(
    run: Run, shelf: Any, tmp_path: Path, entry: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> tuple[int, str, str]:
    path = write(tmp_path / "auth.json", {"auths": {shelf.host: entry} if entry else {}})
    monkeypatch.setenv("REGISTRY_AUTH_FILE", str(path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return run("image", "push", runtime(tmp_path / "rt"), f"{shelf.host}/up:1", "--plain-http")


def test_a_push_logs_in(run: Run, guarded: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, _, err = _push(run, guarded, tmp_path, auth("ann:s3"), monkeypatch)
    assert (code, err) == (0, "")
    assert "1" in guarded.manifests
    if guarded.bearer:
        assert "repository:up:pull,push" in guarded.scopes


def test_a_wrong_password_is_one_line(run: Run, guarded: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, _, err = _push(run, guarded, tmp_path, auth("ann:wrong"), monkeypatch)
    assert (code, len(err.splitlines())) == (2, 1) and "401" in err and "the login is refused" in err
    assert not guarded.manifests


def test_no_login_is_one_line(run: Run, guarded: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, _, err = _push(run, guarded, tmp_path, {}, monkeypatch)
    assert (code, len(err.splitlines())) == (2, 1) and ("podman login" in err or "the login is refused" in err)


def test_a_token_that_expires_on_the_way_is_asked_for_anew(tmp_path: Path) -> None:
    """A push over a slow uplink takes longer than a token lives."""
    image = read_image(Directory(runtime(tmp_path / "rt", size=100_000)))
    with spec_registry("ann:s3", bearer=True) as shelf:
        path = write(tmp_path / "auth.json", {"auths": {shelf.host: auth("ann:s3")}})
        registry = Registry(shelf.host, "up", plain_http=True, pushes=True, env={"REGISTRY_AUTH_FILE": str(path)})
        # More often than an upload may be refused in a row.
        shelf.expire_at = {2, 4, 6, 8, 10, 12}
        Uploader(registry, Kept(tmp_path / "kept"), piece=10_000).send(image.store, image.layers[0], lambda _: None)
        assert (list(shelf.blobs), shelf.received) == ([image.layers[0].digest], image.layers[0].size)


def test_an_identity_token_is_changed_for_one_of_the_registry(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with spec_registry("ann:identity", bearer=True) as shelf:
        assert _push(run, shelf, tmp_path, {"auth": "", "identitytoken": "identity"}, monkeypatch)[0] == 0
        assert "1" in shelf.manifests
