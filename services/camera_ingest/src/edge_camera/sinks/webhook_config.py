"""The keys of `[sinks.webhook]` and their bounds."""

from __future__ import annotations

from urllib.parse import urlsplit

import msgspec

from edge_camera.sinks.secrets import (
    MIN_KEY_BYTES,
    Fault,
    bearer_token,
    key_bytes,
    secret_fault,
    shown,
    user_password,
)
from edge_camera.sinks.tls import TlsFiles


class WebhookConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where events are posted, and who posts them; all but `url` and the numbers are paths of files.

    `credentials` holds user:password (HTTP basic), `token` a bearer token, `signing_key` the key of the signature
    (see signature.py). `timeout_s` bounds each call as a whole; a TLS handshake may take it once more.
    """

    url: str
    credentials: str | None = None
    token: str | None = None
    signing_key: str | None = None
    ca: str | None = None
    cert: str | None = None
    key: str | None = None
    timeout_s: float = 10.0
    max_batch: int = 100

    @property
    def tls(self) -> TlsFiles | None:
        """The files for https; None for http."""
        return TlsFiles(self.ca, self.cert, self.key) if urlsplit(self.url).scheme == "https" else None

    def faults(self, key: str) -> list[Fault]:
        """Return (key, wanted, found) for everything wrong; `key` is the table's own, as in `sinks.webhook`."""
        if not _is_http(self.url):
            wanted = "http://HOST[:PORT]/PATH or https://..., user and password in a file"
            return [(f"{key}.url", wanted, shown(self.url))]
        checks = [
            (0.1 <= self.timeout_s <= 300, "timeout_s", "0.1 to 300 seconds", self.timeout_s),
            (1 <= self.max_batch <= 1000, "max_batch", "1 to 1000 events", self.max_batch),
            (self.credentials is None or self.token is None, "token", "token or credentials", "both"),
        ]
        faults: list[Fault] = [(name, wanted, found) for good, name, wanted, found in checks if not good]
        faults += TlsFiles(self.ca, self.cert, self.key).faults(urlsplit(self.url).scheme)
        faults += secret_fault("credentials", self.credentials, user_password, "a file that holds user:password")
        faults += secret_fault("token", self.token, bearer_token, "a file that holds a bearer token")
        faults += secret_fault("signing_key", self.signing_key, key_bytes, f"a file of {MIN_KEY_BYTES} bytes or more")
        return [(f"{key}.{name}", wanted, found) for name, wanted, found in faults]


def _is_http(url: str) -> bool:
    try:
        parts = urlsplit(url)
        # What urllib3 would do with it much later.
        (parts.hostname or "").encode("idna")
        plain = url.isprintable() and " " not in url and "@" not in parts.netloc and not parts.fragment
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0 and plain
    except ValueError:
        return False
