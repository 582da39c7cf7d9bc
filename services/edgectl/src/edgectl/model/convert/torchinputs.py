"""What a PyTorch module is called with: names of its arguments, example tensors, which extents are free."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from edge_common.tensors import TensorSpec
from edgectl.model.convert.example import read_example
from edgectl.model.convert.names import datatype
from edgectl.model.convert.options import ConvertOptions
from edgectl.model.convert.shapes import check_shapes, described
from edgectl.model.errors import ModelError

if TYPE_CHECKING:
    from edge_common.tensors import Array

# torch.export takes an extent of 1 for a constant.
_ROWS = 2


def arguments(source: str, forward: Callable[..., Any]) -> list[str]:
    """Return the names of the arguments that `forward` needs; raise ModelError when it takes any number."""
    found = inspect.signature(forward).parameters.values()
    if any(parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD) for parameter in found):
        raise ModelError(f"{source}: want forward() with named arguments, found *args or **kwargs")
    return [parameter.name for parameter in found if parameter.default is parameter.empty]


def examples(source: str, options: ConvertOptions, names: Sequence[str]) -> dict[str, Any]:
    """Return name -> tensor for each of `names`, of --example's first samples or noise of --shape.

    Raises:
        ModelError: neither is given, or one that does not name each argument.
    """
    import torch

    if options.example is None and not options.shapes:
        raise ModelError(
            f"{source}: want the shapes of its inputs {list(names)}, which the model does not say; give "
            f"--shape {names[0] if names else 'x'}=1,3,32,32 for each, or --example FILE.npz"
        )
    arrays = _shaped(source, options, names) if options.example is None else read_example(options.example)
    if missing := [name for name in names if name not in arrays]:
        given = "--shape" if options.example is None else f"--example {options.example}"
        raise ModelError(f"{source}: {given}: want {list(names)}, found no '{missing[0]}'")
    rows = options.batch or _ROWS
    return {name: torch.from_numpy(_rows(arrays[name], rows)) for name in names}


def _shaped(source: str, options: ConvertOptions, names: Sequence[str]) -> dict[str, Array]:
    check_shapes(source, options.shapes, names)
    rng = np.random.default_rng(0)
    return {name: rng.standard_normal(shape).astype(np.float32) for name, shape in options.shapes.items()}


def _rows(array: Array, rows: int) -> Array:
    """Return `rows` rows: the first, again and again where there are fewer. Doubles become floats, as in torch."""
    picked = array[np.arange(rows) % len(array)]
    return picked.astype(np.float32) if picked.dtype == np.float64 else picked


def dynamic(tensors: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return torch.export's dynamic_shapes: the first axis of every argument is the batch, which all share."""
    import torch

    batch = torch.export.Dim("batch")
    return tuple({0: batch} for _ in tensors)


def program_inputs(source: str, program: Any) -> tuple[TensorSpec, ...]:
    """Return the user's inputs of an exported program; free extents are -1."""
    import torch

    wanted = list(program.graph_signature.user_inputs)
    values = {node.name: node.meta.get("val") for node in program.graph.nodes if node.op == "placeholder"}
    for name in wanted:
        if not isinstance(values.get(name), torch.Tensor):
            raise ModelError(f"{source}: input '{name}': want a tensor, found {type(values.get(name)).__name__}")
    return tuple(_spec(source, name, values[name]) for name in wanted)


def program_words(program: Any) -> list[str]:
    """Return the user's inputs and outputs of an exported program as it calls them, symbols for free extents."""
    values: dict[str, Any] = {node.name: node.meta.get("val") for node in program.graph.nodes}
    names = (*program.graph_signature.user_inputs, *program.graph_signature.user_outputs)
    return [_words(str(name), values.get(str(name))) for name in names]


def _words(name: str, value: Any) -> str:
    return described(name, value.dtype, value.shape) if hasattr(value, "shape") else name


def fixed_batch(source: str, inputs: Sequence[TensorSpec], batch: int | None) -> tuple[TensorSpec, ...]:
    """Return `inputs` with --batch; raise ModelError when the program was exported with another."""
    if batch is None:
        return tuple(inputs)
    for spec in inputs:
        if spec.shape[:1] not in ((-1,), (batch,)):
            raise ModelError(f"{source}: --batch: want {spec.shape[0]}, as it was exported, found {batch}")
    return tuple(replace(spec, shape=(batch, *spec.shape[1:])) for spec in inputs)


def _spec(source: str, name: str, value: Any) -> TensorSpec:
    kind = datatype(source, name, str(value.dtype).removeprefix("torch."))
    return TensorSpec(name, kind, tuple(extent if isinstance(extent, int) else -1 for extent in value.shape))
