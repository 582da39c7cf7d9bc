"""Golden samples: inputs and the outputs they must give."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge_common.bundle import Bundle, BundleError
from edge_common.tensors import Array

# A sample is read into memory at start; a bundle with larger ones is a mistake, or hostile.
MAX_SAMPLE_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Golden:
    """One sample; strings are object arrays of str."""

    name: str
    inputs: dict[str, Array]
    outputs: dict[str, Array]


@dataclass(frozen=True, slots=True)
class Difference:
    """The first place where an output is not what the sample says."""

    sample: str
    output: str
    wanted: str
    got: str

    def __str__(self) -> str:
        return f"golden {self.sample}: output '{self.output}': want {self.wanted}, got {self.got}"


def load_golden(path: Path) -> Golden:
    """Read one .npz with arrays named in.<input> and out.<output>.

    Raises:
        BundleError: not such a file, or larger than MAX_SAMPLE_BYTES once unpacked.
    """
    inputs: dict[str, Array] = {}
    outputs: dict[str, Array] = {}
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
        if size > MAX_SAMPLE_BYTES:
            raise BundleError(f"{path}: want at most {MAX_SAMPLE_BYTES} bytes unpacked, found {size}")
        with np.load(path, allow_pickle=False) as arrays:
            for key in arrays.files:
                side, _, name = key.partition(".")
                target = {"in": inputs, "out": outputs}.get(side)
                if target is None or not name:
                    raise BundleError(f"{path}: want arrays named in.<input> and out.<output>, found {key!r}")
                array = arrays[key]
                target[name] = array.astype(object) if array.dtype.kind == "U" else array
    except (OSError, ValueError, zipfile.BadZipFile) as exc:
        raise BundleError(f"{path}: want an .npz of plain arrays, found: {exc}") from None
    return Golden(path.stem, inputs, outputs)


def load_all(bundle: Bundle) -> list[Golden]:
    """Read every golden sample of the bundle."""
    return [load_golden(path) for path in bundle.golden_files]


def check_names(golden: Golden, inputs: Iterable[str], outputs: Iterable[str]) -> None:
    """Raise BundleError unless the sample gives every input and only outputs that the graph has."""
    want, got = sorted(inputs), sorted(golden.inputs)
    if want != got:
        raise BundleError(f"golden {golden.name}: want inputs {want} as the graph has them, found {got}")
    foreign = sorted(set(golden.outputs) - set(outputs))
    if foreign or not golden.outputs:
        raise BundleError(f"golden {golden.name}: want outputs of the graph {sorted(outputs)}, found {foreign}")


def compare(golden: Golden, actual: Mapping[str, Array], rtol: float, atol: float) -> Difference | None:
    """Return the first difference beyond `atol + rtol * |wanted|`, or None. NaN equals NaN; strings are exact."""
    for name, wanted in golden.outputs.items():
        got = actual[name]
        if wanted.shape != got.shape or wanted.dtype != got.dtype:
            return Difference(
                golden.name, name, f"{wanted.dtype}{list(wanted.shape)}", f"{got.dtype}{list(got.shape)}"
            )
        if wanted.dtype.kind in "fc":
            same = np.isclose(got, wanted, rtol=rtol, atol=atol, equal_nan=True)
        else:
            same = np.asarray(got == wanted)
        if not same.all():
            index = tuple(int(i) for i in np.argwhere(~same)[0])
            place = f" at {list(index)}" if index else ""
            return Difference(golden.name, name, f"{_show(wanted[index])}{place}", _show(got[index]))
    return None


def _show(value: object) -> str:
    return f"{float(value):.6g}" if isinstance(value, np.floating) else repr(value)[:60]
