"""Secrets of the sinks: only in files, read anew for each use, never in a config, log, error or repr."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from edge_camera.capture.credentials import MAX_BYTES, CredentialsError, read_credentials

# An HMAC-SHA256 is no stronger than its key, and a short one is found by trying.
MIN_KEY_BYTES = 16

# RFC 6750: what a bearer token may hold.
_TOKEN = re.compile(rb"[A-Za-z0-9._~+/-]+=*")

# Key, what was wanted, what was found.
Fault = tuple[str, str, object]


def user_password(path: str) -> tuple[str, str]:
    """Return what a file `user:password` holds.

    Raises:
        OSError: it cannot be read, or holds something else; the text names the file only.
    """
    try:
        return read_credentials(Path(path))
    except CredentialsError as exc:
        raise OSError(str(exc)) from None


def bearer_token(path: str) -> str:
    """Return the token that a file holds.

    Raises:
        OSError: it cannot be read, or holds something else; the text names the file only.
    """
    raw = _content("token", path)
    if len(raw) > MAX_BYTES or not _TOKEN.fullmatch(raw):
        raise OSError(f"token {path}: want one bearer token, at most {MAX_BYTES} bytes")
    return raw.decode("ascii")


def key_bytes(path: str) -> bytes:
    """Return a file's bytes without the line break at its end.

    Raises:
        OSError: it cannot be read, or is too short or too long for a key; the text names the file only.
    """
    key = _content("key", path)
    if not MIN_KEY_BYTES <= len(key) <= MAX_BYTES:
        raise OSError(f"key {path}: want {MIN_KEY_BYTES} to {MAX_BYTES} bytes, found {min(len(key), MAX_BYTES + 1)}")
    return key


def _content(what: str, path: str) -> bytes:
    try:
        with Path(path).open("rb") as file:
            return file.read(MAX_BYTES + 1).rstrip(b"\r\n")
    except OSError as exc:
        raise OSError(f"{what} {path}: {exc.strerror}") from None


def secret_fault(key: str, path: str | None, read: Callable[[str], object], wanted: str) -> list[Fault]:
    """Return (key, wanted, found) when `path` is given and `read` does not find in it what it should hold."""
    if path is None:
        return []
    try:
        read(path)
    except (OSError, ValueError) as exc:
        return [(key, wanted, str(exc) if isinstance(exc, OSError) else "not a path")]
    return []


def file_fault(key: str, path: str | None) -> list[Fault]:
    """Return (key, wanted, found) when `path` is given and cannot be read."""
    if path is None:
        return []
    try:
        with Path(path).open("rb"):
            return []
    except (OSError, ValueError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else "not a path"
        return [(key, "a file that can be read", f"{path}: {reason}")]


def shown(url: str) -> str:
    """Return scheme and host of a URL, all that is ever shown of it: a person may have put a secret into the rest."""
    scheme, separator, rest = url.partition("://")
    if not separator or not scheme.isalnum():
        return "no scheme://"
    if "@" in rest:
        # A password may hold any of the characters that end a host.
        return f"{scheme[:20]}://...@..."
    return f"{scheme[:20]}://{re.split('[/?#]', rest)[0][:100]}"
