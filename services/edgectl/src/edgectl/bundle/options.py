"""`--answer key=output` and `--shape input=1,3`: options that are pairs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

from edge_common.bundle import BundleError
from edge_common.golden import MAX_GOLDEN_BYTES
from edge_common.manifest import Answer
from edge_common.npz import NpzError, read_npz
from edge_common.tensors import Array
from edge_common.tomlfile import read_bytes

# One file of it, unpacked: five hundred frames of 640x480.
MAX_REFERENCE_BYTES = 512 * 1024 * 1024
# Of one input: 80 pictures of 640x480, float32; numpy makes noise of it in twice the bytes.
MAX_ELEMENTS = 2**27
_MAX_LABELS_BYTES = 1024 * 1024


def answer_of(pairs: Sequence[str]) -> Answer:
    """Return the [answer] table of `key=output` texts; raise BundleError for an unknown key."""
    known = [key for key in Answer.__struct_fields__ if key != "labels"]
    found = _pairs("--answer", pairs)
    for key in found:
        if key not in known:
            raise BundleError(f"--answer {key}: want one of {', '.join(known)}, found {key!r}")
    return Answer(**found)


def shapes_of(pairs: Sequence[str]) -> dict[str, list[int]]:
    """Return input name -> shape of `input=1,480,640,3` texts."""
    shapes: dict[str, list[int]] = {}
    for name, text in _pairs("--shape", pairs).items():
        try:
            shapes[name] = [int(extent) for extent in text.split(",")]
        except ValueError:
            raise BundleError(f"--shape {name}: want whole numbers such as 1,480,640,3, found {text!r}") from None
        if min(shapes[name]) < 0:
            raise BundleError(f"--shape {name}: want no negative extent, found {text!r}")
        if math.prod(max(1, extent) for extent in shapes[name]) > MAX_ELEMENTS:
            raise BundleError(f"--shape {name}: want at most {MAX_ELEMENTS:,} elements, found {text!r}")
    return shapes


def _pairs(option: str, texts: Sequence[str]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not (name and equals and value):
            raise BundleError(f"{option}: want name=value, found {text!r}")
        pairs[name] = value
    return pairs


def read_feed(path: Path, option: str = "--inputs", max_bytes: int = MAX_GOLDEN_BYTES) -> dict[str, Array]:
    """Return the arrays of an .npz, each named as an input."""
    try:
        return read_npz(path, max_bytes)
    except NpzError as exc:
        raise BundleError(f"{option} {path}: {exc}") from None


def read_reference(path: Path) -> Iterator[tuple[str, dict[str, Array]]]:
    """Yield (where it is from, arrays) of one .npz, or of all in a directory, one at a time in the order of names."""
    files = sorted(path.glob("*.npz")) if path.is_dir() else [path]
    if not files:
        raise BundleError(f"--reference {path}: want an .npz or a directory with some, found none in it")
    for file in files:
        yield f"--reference {file}", read_feed(file, "--reference", MAX_REFERENCE_BYTES)


def read_labels(path: Path) -> list[str]:
    """Return the lines of a text file; whether they are good labels is seen when the bundle is read back."""
    try:
        return read_bytes(path, _MAX_LABELS_BYTES).decode("utf-8-sig").removesuffix("\n").split("\n")
    except UnicodeDecodeError:
        raise BundleError(f"--labels {path}: want UTF-8 text, found other bytes") from None
