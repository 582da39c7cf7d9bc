"""Who we are to a registry: the auth files of docker, podman and buildah, and their credential helpers."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgectl.model.errors import ModelError

# A helper asks a keyring on this machine; longer than that it waits for a person who is not there.
_HELPER_S = 30
# Docker Hub's name in images, and what `docker login` calls it in the file.
_HUB, _HUB_KEY = "docker.io", "index.docker.io/v1"


@dataclass(frozen=True, slots=True)
class Login:
    """`token` is an identity token, which takes the place of a password; all empty for nobody."""

    user: str = ""
    password: str = ""
    token: str = ""

    def basic(self) -> str:
        """Return the value of an Authorization header."""
        return "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()


def auth_files(env: Mapping[str, str]) -> list[Path]:
    """Return where logins may be, the first that has one counts: as podman and docker look."""
    if chosen := env.get("REGISTRY_AUTH_FILE"):
        return [Path(chosen)]
    home = Path(env.get("HOME", "~")).expanduser()
    run, config = env.get("XDG_RUNTIME_DIR"), env.get("XDG_CONFIG_HOME")
    return [
        *([Path(run) / "containers/auth.json"] if run else []),
        (Path(config) if config else home / ".config") / "containers/auth.json",
        Path(env.get("DOCKER_CONFIG", home / ".docker")) / "config.json",
    ]


def login(host: str, repository: str, env: Mapping[str, str]) -> Login:
    """Return the login for a repository; of nobody when no file has one.

    Raises:
        ModelError: a file is broken, or its credential helper fails.
    """
    for path in auth_files(env):
        document = _read(path, required="REGISTRY_AUTH_FILE" in env)
        found = _entry(path, document, host, repository)
        if found is not None:
            return found
        helper = _helper(path, document, host)
        if helper and (asked := _ask(helper, host, env)) is not None:
            return asked
    return Login()


def _read(path: Path, required: bool) -> dict[str, Any]:
    try:
        document = json.loads(path.read_bytes())
    except FileNotFoundError:
        if required:
            raise ModelError(f"REGISTRY_AUTH_FILE={path}: no such file; `podman login` writes one") from None
        return {}
    except (OSError, ValueError, RecursionError) as exc:
        raise ModelError(f"{path}: want JSON with logins, as `docker login` writes it: {exc}") from None
    return _table(str(path), document)


def _table(where: str, found: object) -> dict[str, Any]:
    """Return a part of an auth file; null stands for nothing."""
    if not isinstance(found, dict | None):
        raise ModelError(f"{where}: want a table, as `docker login` writes it, found {found!r:.60}; log in again")
    return found or {}


def _keys(host: str, repository: str) -> Iterator[str]:
    """Yield what an entry for a repository may be called, the closest first."""
    parts = [host, *repository.split("/")]
    yield from ("/".join(parts[:end]) for end in range(len(parts), 0, -1))
    if host == _HUB:
        yield _HUB_KEY


def _entry(path: Path, document: dict[str, Any], host: str, repository: str) -> Login | None:
    auths = _table(f"{path}: auths", document.get("auths"))
    plain = {str(key).removeprefix("https://").removeprefix("http://").rstrip("/"): auths[key] for key in auths}
    plain |= {key.removesuffix(end): plain[key] for key in list(plain) for end in ("/v1", "/v2") if key.endswith(end)}
    for key in _keys(host, repository):
        entry = plain.get(key)
        # An empty entry is docker's note that a helper has the login.
        if isinstance(entry, dict) and (entry.get("auth") or entry.get("identitytoken")):
            return _login(f"{path}: auths: {key}", entry)
    return None


def _login(where: str, entry: dict[str, Any]) -> Login:
    try:
        user, colon, password = base64.b64decode(str(entry.get("auth", "")), validate=True).decode().partition(":")
    except ValueError:
        # Not base64, or not of text; an identity token stands without it.
        user = colon = password = ""
    if not colon and not entry.get("identitytoken"):
        raise ModelError(f"{where}: want the base64 of user:password, found something else; log in again") from None
    return Login(user, password, str(entry.get("identitytoken", "")))


def _helper(path: Path, document: dict[str, Any], host: str) -> str:
    own = _table(f"{path}: credHelpers", document.get("credHelpers")).get(host)
    return str(own or document.get("credsStore") or "")


def _ask(helper: str, host: str, env: Mapping[str, str]) -> Login | None:
    """Ask docker-credential-HELPER, whose answer is JSON; None when it knows no login."""
    name = f"docker-credential-{helper}"
    server = f"https://{_HUB_KEY}/" if host == _HUB else host
    try:
        done = subprocess.run(
            [name, "get"], input=server, capture_output=True, text=True, check=False, timeout=_HELPER_S, env=dict(env)
        )
        if done.returncode:
            said = (done.stdout + done.stderr).strip().splitlines() or ["nothing said"]
            if "not found" in said[0]:
                return None
            raise ModelError(f"{name}: {said[0]}")
        answer = json.loads(done.stdout)
        user, secret = str(answer["Username"]), str(answer["Secret"])
    except FileNotFoundError:
        raise ModelError(f"{name}: not on PATH, and the auth file says that it has the login for {host}") from None
    except (OSError, ValueError, KeyError, TypeError, subprocess.TimeoutExpired) as exc:
        raise ModelError(f"{name}: want the login for {host}: {exc}") from None
    return Login(token=secret) if user == "<token>" else Login(user, secret)
