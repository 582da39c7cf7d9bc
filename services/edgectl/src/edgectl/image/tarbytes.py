"""A tar's bytes, made so that the same files always give the same ones: no times, no owners."""

from __future__ import annotations

import stat
import tarfile
from collections.abc import Iterable, Iterator

from edgectl.model.errors import ModelError

_BLOCK = 512
END = bytes(2 * _BLOCK)
# Where a header has them.
_MODE, _SUM, _DEVICES = slice(100, 108), slice(148, 156), slice(329, 345)


def header(name: str, size: int, *, folder: bool = False, program: bool = False) -> bytes:
    """Return the header of a file, or of a folder, that root owns, as Go's archive/tar writes it for buildah.

    Raises:
        ModelError: the name is too long for a plain tar.
    """
    entry = tarfile.TarInfo(name)
    entry.size, entry.type = size, tarfile.DIRTYPE if folder else tarfile.REGTYPE
    try:
        made = bytearray(entry.tobuf(tarfile.USTAR_FORMAT))
    except ValueError:
        raise ModelError(f"{name}: want a name of up to 100 bytes, and less than 8 GiB, in an archive") from None
    mode = (stat.S_IFDIR if folder else stat.S_IFREG) | (0o755 if folder or program else 0o644)
    # What Go writes and Python leaves out: the kind of file in the mode, and the numbers of a device.
    made[_MODE], made[_DEVICES] = f"{mode:07o}\0".encode(), b"0000000\0" * 2
    made[_SUM] = b" " * 8
    made[_SUM] = f"{sum(made):06o}\0 ".encode()
    return bytes(made)


def size_of(size: int) -> int:
    """Return what `entry` makes of a file of `size` bytes."""
    return _BLOCK + size + -size % _BLOCK


def entry(name: str, size: int, pieces: Iterable[bytes], *, program: bool = False) -> Iterator[bytes]:
    """Yield a file of `size` bytes, whose content `pieces` are.

    Raises:
        ModelError: they are fewer or more, as when somebody writes to the file meanwhile.
    """
    yield header(name, size, program=program)
    left = size
    for piece in pieces:
        left -= len(piece)
        yield piece
    if left:
        raise ModelError(f"{name}: want {size} bytes, found {size - left}: it was changed meanwhile; run it again")
    yield bytes(-size % _BLOCK)
