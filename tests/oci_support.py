"""What the tests of `edgectl image` share: a small runtime, registries to push to, and an uplink that can be cut."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import random
import shutil
import socket
import socketserver
import subprocess
import tarfile
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from live import until

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
_YAML = "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {root}}}}}\nhttp: {{addr: '127.0.0.1:{port}'}}\n"


def put(folder: Path, data: bytes, media_type: str) -> dict[str, Any]:
    """Write a blob of an OCI layout; return its descriptor."""
    name = hashlib.sha256(data).hexdigest()
    blobs = folder / "blobs/sha256"
    blobs.mkdir(parents=True, exist_ok=True)
    (blobs / name).write_bytes(data)
    return {"mediaType": media_type, "digest": f"sha256:{name}", "size": len(data)}


def layer_of(name: str, data: bytes) -> bytes:
    """Return a plain tar with one file."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        entry = tarfile.TarInfo(name)
        entry.size = len(data)
        tar.addfile(entry, io.BytesIO(data))
    return out.getvalue()


def runtime(
    folder: Path,
    *,
    size: int = 5000,
    name: str = "localhost/edge-inference:0.1.0",
    architecture: str = "amd64",
    **config: Any,
) -> Path:
    """Write an OCI layout with what an edge-inference image says of itself and one layer of `size` random bytes."""
    tar = layer_of("usr/runtime", random.Random(size).randbytes(size))
    layer = put(folder, gzip.compress(tar, mtime=0), LAYER)
    settings = {
        "User": "65532:65532", "Env": ["PATH=/usr/bin", "EDGE_MODEL=/model"], "Entrypoint": ["/usr/local/bin/edge-inference"],
        "Labels": {"org.opencontainers.image.title": "edge-inference", "org.opencontainers.image.revision": "abc"},
    }  # fmt: skip
    document = {
        "architecture": architecture, "os": "linux", "config": settings | config,
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(tar).hexdigest()}"]},
        "history": [{"created_by": "runtime"}],
    }  # fmt: skip
    own = put(folder, json.dumps(document).encode(), "application/vnd.oci.image.config.v1+json")
    manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": own, "layers": [layer]}
    root = put(folder, json.dumps(manifest).encode(), MANIFEST)
    root |= {"annotations": {"org.opencontainers.image.ref.name": name}} if name else {}
    (folder / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [root]}))
    return folder


def manifest_of(layout: Path) -> dict[str, Any]:
    """Return the manifest of the one image in a layout."""
    index = json.loads((layout / "index.json").read_bytes())
    return dict(json.loads(blob(layout, index["manifests"][0]["digest"])))


def config_of(layout: Path) -> dict[str, Any]:
    return dict(json.loads(blob(layout, manifest_of(layout)["config"]["digest"])))


def blob(layout: Path, digest: str) -> bytes:
    return (layout / "blobs" / digest.replace(":", "/")).read_bytes()


def free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        return int(server.getsockname()[1])


@contextmanager
def docker_registry(folder: Path) -> Iterator[str]:
    """Debian's registry (distribution 2.8) on a free port; yields host:port, or skips the test."""
    program = shutil.which("docker-registry")
    if program is None:
        pytest.skip("no docker-registry on PATH: Debian's package of that name has it")
    port = free_port()
    config = folder / "registry.yml"
    config.write_text(_YAML.format(root=folder / "registry", port=port))
    with (folder / "registry.log").open("wb") as log:
        process = subprocess.Popen([program, "serve", str(config)], stdout=log, stderr=log)
    try:
        until(lambda: _listens(port), "the registry listens", 20)
        yield f"127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait(10)


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


@dataclass
class Uplink:
    """Stands before a registry. `cut_at` holds, for each cut to come, how many bytes of bodies pass before it.

    `cut_patches` has numbers of PATCH requests (from 1) that never get through.
    """

    to: int
    cut_at: list[int] = field(default_factory=list)
    cut_patches: set[int] = field(default_factory=set)
    patches: int = 0
    sent: int = 0
    server: socketserver.ThreadingTCPServer | None = None

    @property
    def host(self) -> str:
        assert self.server is not None
        return f"127.0.0.1:{self.server.server_address[1]}"

    def passes(self, data: bytes) -> bytes | None:
        """Return what of `data` gets through; None when nothing does, and the connection goes."""
        if data.startswith(b"PATCH "):
            self.patches += 1
            if self.patches in self.cut_patches:
                return None
        if self.cut_at and self.sent + len(data) > self.cut_at[0]:
            kept = data[: self.cut_at[0] - self.sent]
            self.sent, _ = 0, self.cut_at.pop(0)
            return kept
        self.sent += len(data)
        return data


class _Server(socketserver.ThreadingTCPServer):
    # A client keeps its connections open after the test.
    daemon_threads, block_on_close = True, False


@contextmanager
def uplink(to: str) -> Iterator[Uplink]:
    """A link to the registry at `to` (host:port) on a port of its own."""
    link = Uplink(int(to.rpartition(":")[2]))

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with socket.create_connection(("127.0.0.1", link.to), 10) as far:
                threading.Thread(target=_pour, args=(far, self.request), daemon=True).start()
                while data := _received(self.request):
                    passed = link.passes(data)
                    with suppress(OSError):
                        far.sendall(passed or b"")
                    if passed is None or len(passed) < len(data):
                        break
                for side in (self.request, far):
                    with suppress(OSError):
                        side.shutdown(socket.SHUT_RDWR)

    with _Server(("127.0.0.1", 0), Handler) as server:
        link.server = server
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield link
        finally:
            server.shutdown()
            thread.join(10)


def _received(side: socket.socket) -> bytes:
    try:
        return side.recv(65536)
    except OSError:
        return b""


def _pour(source: socket.socket, target: socket.socket) -> None:
    while data := _received(source):
        try:
            target.sendall(data)
        except OSError:
            return
    with suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)
