"""An .npz archive of plain arrays, read within a bound: nothing is allocated that the file does not hold."""

from __future__ import annotations

import math
import tokenize
import zipfile
import zlib
from pathlib import Path
from typing import IO, Any

import numpy as np

from edge_common.tensors import Array
from edge_common.tomlfile import one_line

# Signed, unsigned, float, bool, text. No pickles, no records, no dates.
_KINDS = frozenset("iufbU")


# What zipfile, zlib and numpy's header parser raise for damaged bytes; RuntimeError stands for an encrypted file.
_FAULTS = (
    OSError,
    ValueError,
    TypeError,
    EOFError,
    RuntimeError,
    MemoryError,
    SyntaxError,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)


class NpzError(Exception):
    """Not such an archive; the text says what was wanted and found."""


def read_npz(path: Path, max_bytes: int) -> dict[str, Array]:
    """Return name -> array in native byte order; text comes as object arrays of str.

    Raises:
        NpzError: unreadable, damaged, other than plain arrays, or over `max_bytes` once unpacked.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            size = sum(entry.file_size for entry in entries)
            if size > max_bytes:
                raise NpzError(f"want at most {max_bytes} bytes unpacked, found {size}")
            return {entry.filename.removesuffix(".npy"): _array(archive, entry) for entry in entries}
    except _FAULTS as exc:
        raise NpzError(f"want an .npz of plain arrays, found: {one_line(str(exc) or repr(exc))[:300]}") from None


def _array(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Array:
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"{entry.filename}: compressed by method {entry.compress_type}")
    with archive.open(entry) as file:
        shape, dtype = _header(file)
        # numpy allocates what the header says before it reads; the archive knows how much there is.
        count = math.prod(int(extent) for extent in shape)
        if dtype.kind not in _KINDS or count * max(1, dtype.itemsize) > entry.file_size:
            raise ValueError(f"{entry.filename}: {dtype} {list(shape)} in {entry.file_size} bytes")
    with archive.open(entry) as file:
        array: Array = np.lib.format.read_array(file, allow_pickle=False)
    return array.astype(object) if dtype.kind == "U" else array.astype(dtype.newbyteorder("="), copy=False)


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    version = np.lib.format.read_magic(file)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"array format {version}")
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(file)
    return shape, dtype
