"""Is an air-gap file whole? Every byte is held to the sums in it."""

from __future__ import annotations

import hashlib
import tarfile
from functools import partial
from pathlib import Path
from typing import IO

from edge_common.tomlfile import one_line
from edgectl.image.gap import DESCRIPTION, Gap, parsed_gap, read_sums
from edgectl.image.gapfile import SUMS
from edgectl.image.store import MAX_DOCUMENT_BYTES, Tick
from edgectl.model.errors import ModelError

_READ = 1 << 20


def check_gap(path: Path, tick: Tick) -> Gap:
    """Return what the file says of itself.

    Raises:
        ModelError: a file in it is missing, another one, or of nobody's list.
    """
    try:
        with tarfile.open(path, "r:") as tar:
            return _checked(path, tar, tick)
    except (OSError, tarfile.TarError) as exc:
        raise ModelError(
            f"{path}: want an air-gap file, damaged or cut off: {str(exc).lower()}; carry it again"
        ) from None


def _checked(path: Path, tar: tarfile.TarFile, tick: Tick) -> Gap:
    wanted: dict[str, str] = {}
    description = b""
    for entry in tar:
        file = tar.extractfile(entry)
        if file is None:
            raise ModelError(f"{path}: {one_line(entry.name)}: want files and nothing else; carry it again")
        if entry.name == SUMS and not wanted:
            wanted = read_sums(f"{path}: {SUMS}", file.read(MAX_DOCUMENT_BYTES))
            continue
        if entry.name == DESCRIPTION:
            description = file.read(MAX_DOCUMENT_BYTES)
            file.seek(0)
        if wanted.pop(entry.name, "") != _digest(file, tick):
            raise ModelError(f"{path}: {one_line(entry.name)} is not what {SUMS} says: damaged; carry it again")
    if wanted or not description:
        missing = one_line(next(iter(wanted), SUMS))
        raise ModelError(f"{path}: {missing} is missing: cut off, or no air-gap file; carry it again")
    return parsed_gap(f"{path}: {DESCRIPTION}", description)


def _digest(file: IO[bytes], tick: Tick) -> str:
    seen = hashlib.sha256()
    for piece in iter(partial(file.read, _READ), b""):
        seen.update(piece)
        tick(len(piece))
    return seen.hexdigest()
