"""TLS for the sinks that go over the network, from files that are read anew for each connection."""

from __future__ import annotations

import ssl
from typing import NamedTuple

from edge_camera.sinks.secrets import Fault, file_fault


class TlsFiles(NamedTuple):
    """Paths of PEM files: whom to trust instead of the system's own, and who we are; `cert` and `key` go together."""

    ca: str | None = None
    cert: str | None = None
    key: str | None = None

    def context(self) -> ssl.SSLContext:
        """Return a context that verifies the other side's certificate and name.

        Raises:
            OSError: a file cannot be read, or does not hold what it should; the text names the files.
        """
        try:
            context = ssl.create_default_context(cafile=self.ca)
        except OSError as exc:
            raise OSError(f"ca {self.ca}: {_reason(exc)}") from None
        context.sslsocket_class = _Socket
        if self.cert is not None:
            try:
                # With a password given, an encrypted key is an error and not a question on a terminal.
                context.load_cert_chain(self.cert, self.key, password="")
            except OSError as exc:
                raise OSError(f"cert {self.cert} with key {self.key}: {_reason(exc)}") from None
        return context

    def faults(self, scheme: str) -> list[Fault]:
        """Return (key, wanted, found) for everything wrong; the URL's `scheme` says whether there is TLS at all."""
        files = [("ca", self.ca), ("cert", self.cert), ("key", self.key)]
        given = [name for name, path in files if path is not None]
        if given and not scheme.endswith("s"):
            return [("url", f"{scheme}s://HOST, since {given[0]} is set", f"{scheme}://")]
        if (self.cert is None) != (self.key is None):
            return [("key" if self.key is None else "cert", "cert and key together", "only one of them")]
        if faults := [fault for name, path in files for fault in file_fault(name, path)]:
            return faults
        try:
            self.context()
        except OSError as exc:
            return [("ca" if self.cert is None else "cert", "PEM files, the key one of the certificate's", str(exc))]
        return []


class _Socket(ssl.SSLSocket):
    """Closed at once when the two sides do not agree; paho would leave that to the garbage collector."""

    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
        except OSError:
            self.close()
            raise


def _reason(exc: OSError) -> str:
    return exc.strerror or type(exc).__name__
