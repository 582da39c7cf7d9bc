"""Golden samples: inputs and the outputs they must give."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge_common.bundle import Bundle, BundleError
from edge_common.npz import NpzError, read_npz
from edge_common.tensors import Array, TensorSpec

# All samples of a bundle are in memory while the model is checked, on a gateway with little of it.
MAX_GOLDEN_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Golden:
    """One sample; strings are object arrays of str."""

    name: str
    inputs: dict[str, Array]
    outputs: dict[str, Array]

    @property
    def nbytes(self) -> int:
        return sum(array.nbytes for array in (*self.inputs.values(), *self.outputs.values()))


@dataclass(frozen=True, slots=True)
class Difference:
    """The first place where an output is not what the sample says; `index` is empty when the whole tensor differs."""

    sample: str
    output: str
    wanted: str
    got: str
    index: tuple[int, ...] = ()
    share: str = ""

    def __str__(self) -> str:
        place = f" at {list(self.index)}" if self.index else ""
        return f"golden {self.sample}: output '{self.output}'{place}: want {self.wanted}, got {self.got}{self.share}"


def load_golden(path: Path, max_bytes: int = MAX_GOLDEN_BYTES) -> Golden:
    """Read one .npz with arrays named in.<input> and out.<output>.

    Raises:
        BundleError: not such a file, or over `max_bytes` once unpacked.
    """
    try:
        arrays = read_npz(path, max_bytes)
    except NpzError as exc:
        raise BundleError(f"{path}: {exc}") from None
    sides: dict[str, dict[str, Array]] = {"in": {}, "out": {}}
    for key, array in arrays.items():
        side, _, name = key.partition(".")
        if side not in sides or not name:
            raise BundleError(f"{path}: want arrays named in.<input> and out.<output>, found {key!r:.60}")
        sides[side][name] = array
    return Golden(path.stem, sides["in"], sides["out"])


def save_golden(path: Path, inputs: Mapping[str, Array], outputs: Mapping[str, Array]) -> None:
    """Write one sample; the same arrays give the same bytes.

    Raises:
        BundleError: it could not be read back, being too large or of a kind that .npz does not hold.
    """
    arrays = {f"in.{name}": array for name, array in inputs.items()}
    arrays |= {f"out.{name}": array for name, array in outputs.items()}
    plain = {name: array.astype(np.str_) if array.dtype.kind == "O" else array for name, array in arrays.items()}
    np.savez_compressed(path, allow_pickle=False, **plain)
    read = load_golden(path)
    for name, array in arrays.items():
        side, _, tensor = name.partition(".")
        again = (read.inputs if side == "in" else read.outputs)[tensor]
        if array.dtype.kind == "O" and not np.array_equal(again, array):
            raise BundleError(f"{path}: '{tensor}': want text without NUL at its end, found some")


def load_all(bundle: Bundle) -> list[Golden]:
    """Read every golden sample of the bundle; together they are held to MAX_GOLDEN_BYTES."""
    samples: list[Golden] = []
    left = MAX_GOLDEN_BYTES
    for path in bundle.golden_files:
        samples.append(load_golden(path, left))
        left -= samples[-1].nbytes
    return samples


def check_names(golden: Golden, inputs: Iterable[str], outputs: Iterable[str]) -> None:
    """Raise BundleError unless the sample gives every input and only outputs that the graph has."""
    want, got = sorted(inputs), sorted(golden.inputs)
    if want != got:
        raise BundleError(f"golden {golden.name}: want inputs {want} as the graph has them, found {got}")
    known, recorded = sorted(outputs), sorted(golden.outputs)
    if not recorded or not set(recorded) <= set(known):
        raise BundleError(f"golden {golden.name}: want outputs of the graph {known}, found {recorded}")


def check_golden_matches(golden: Golden, inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec]) -> None:
    """Raise BundleError unless names, types and shapes of the sample's arrays fit the graph's tensors."""
    check_names(golden, (spec.name for spec in inputs), (spec.name for spec in outputs))
    for kind, specs, arrays in (("input", inputs, golden.inputs), ("output", outputs, golden.outputs)):
        for spec in specs:
            array = arrays.get(spec.name)
            if array is not None and not spec.holds(array):
                raise BundleError(
                    f"golden {golden.name}: {kind} '{spec.name}': want {spec.datatype} {list(spec.shape)}, "
                    f"found {array.dtype} {list(array.shape)}"
                )


def compare(golden: Golden, actual: Mapping[str, Array], rtol: float, atol: float) -> Difference | None:
    """Return the first difference beyond `atol + rtol * |wanted|`, or None. NaN equals NaN; strings are exact."""
    for name, wanted in golden.outputs.items():
        got = actual.get(name)
        if got is None or wanted.shape != got.shape or wanted.dtype != got.dtype:
            return Difference(golden.name, name, _kind(wanted), "no such output" if got is None else _kind(got))
        different = np.atleast_1d(_different(wanted, got, rtol, atol))
        if different.any():
            index = tuple(int(i) for i in np.argwhere(different)[0])[: wanted.ndim]
            share = f" ({np.count_nonzero(different)} of {different.size} values differ)"
            return Difference(golden.name, name, _show(wanted[index]), _show(got[index]), index, share)
    return None


def _different(wanted: Array, got: Array, rtol: float, atol: float) -> Array:
    if wanted.dtype.kind != "f":
        return np.asarray(wanted != got)
    # In float64: the tolerance itself would overflow or round in float16.
    return ~np.isclose(got.astype(np.float64), wanted.astype(np.float64), rtol=rtol, atol=atol, equal_nan=True)


def _kind(array: Array) -> str:
    return f"{array.dtype}{list(array.shape)}"


def _show(value: object) -> str:
    if isinstance(value, np.floating):
        return f"{float(value):.6g}"
    return repr(value.item() if isinstance(value, np.generic) else value)[:60]
