"""Charts as archives whose bytes only their files decide: helm packs them, with the time of day."""

from __future__ import annotations

import io
import tarfile
import zlib

from edgectl.image import tarbytes
from edgectl.image.releases import Release, run
from edgectl.model.scratch import scratch

_HELM_S = 60
_LEVEL, _GZIP = 9, 31


def packed(found: list[Release]) -> dict[str, bytes]:
    """Return the archives of the releases' charts, by name.

    Raises:
        ModelError: helm is not there, or takes no chart in this.
    """
    with scratch() as folder:
        for chart in sorted({release.chart for release in found}):
            run("helm", "package", chart, "--destination", folder, timeout_s=_HELM_S)
        return {path.name: timeless(path.read_bytes()) for path in sorted(folder.glob("*.tgz"))}


def timeless(archive: bytes) -> bytes:
    """Return a chart's archive without times and owners, its files sorted."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        files = {entry.name: _content(tar, entry) for entry in tar if entry.isfile()}
    # Chart.yaml first: readers of many charts stop at it.
    names = sorted(files, key=lambda name: (not name.endswith("/Chart.yaml"), name.count("/"), name))
    plain = b"".join(b"".join(tarbytes.entry(name, len(files[name]), [files[name]])) for name in names)
    press = zlib.compressobj(_LEVEL, wbits=_GZIP)
    return press.compress(plain + tarbytes.END) + press.flush()


def _content(tar: tarfile.TarFile, entry: tarfile.TarInfo) -> bytes:
    file = tar.extractfile(entry)
    return file.read() if file is not None else b""
