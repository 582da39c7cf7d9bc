"""`user:password` from a file, read anew at each attempt: a rotated secret needs no restart."""

from __future__ import annotations

from pathlib import Path

MAX_BYTES = 4096


class CredentialsError(Exception):
    """The file cannot be used; the text names it and never shows what is in it."""


def read_credentials(path: Path) -> tuple[str, str]:
    """Return user and password; the password may hold colons, and the file end with a line break.

    Raises:
        CredentialsError: no such file, not readable, or not one line `user:password`.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as exc:
        raise CredentialsError(f"credentials {path}: {exc.strerror}") from None
    try:
        text = raw.decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        raise CredentialsError(f"credentials {path}: want UTF-8 text user:password") from None
    user, separator, password = text.partition(":")
    if len(raw) > MAX_BYTES or not (separator and user and text.isprintable()):
        raise CredentialsError(f"credentials {path}: want one line user:password, at most {MAX_BYTES} bytes")
    return user, password
