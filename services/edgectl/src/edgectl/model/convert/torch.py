"""PyTorch: exported programs (.pt2), TorchScript files, and functions that make a module."""

from __future__ import annotations

import importlib
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_common.tensors import DTYPES, TensorSpec
from edgectl.model.convert.example import advised
from edgectl.model.convert.names import distinct, renamed, versions
from edgectl.model.convert.options import ConvertOptions
from edgectl.model.convert.quiet import framework
from edgectl.model.convert.shapes import described, fixed
from edgectl.model.convert.torchfile import refuse_pickles
from edgectl.model.convert.torchinputs import arguments, dynamic, examples, fixed_batch, program_inputs, program_words
from edgectl.model.convert.torchops import refuse_unsupported
from edgectl.model.errors import ModelError
from edgectl.model.graphs import OPSET

if TYPE_CHECKING:
    import onnx

    from edge_common.tensors import Array

_TOOLS = ("torch", "onnxscript", "onnx")
# main.py leaves by SystemExit, too, when the process is told to stop.
_SIGNALLED = tuple(128 + number for number in (signal.SIGHUP, signal.SIGTERM))


@dataclass(frozen=True, slots=True)
class TorchModel:
    """`call` runs it; `export` makes the graph, whose inputs and outputs come in order but under other names."""

    source: str
    call: Callable[..., Any]
    export: Callable[[], onnx.ModelProto]
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[str, ...]
    own: Mapping[str, str]
    tools: Mapping[str, str]
    framework: str = "torch"

    def convert(self) -> onnx.ModelProto:
        model = self.export()
        found = [*(value.name for value in model.graph.input), *(value.name for value in model.graph.output)]
        wanted = [*(spec.name for spec in self.inputs), *self.outputs]
        return fixed(renamed(model, dict(zip(found, wanted, strict=True))), self.inputs)

    def predict(self, feed: Mapping[str, Array]) -> dict[str, Array]:
        import torch

        with framework(f"{self.source}: PyTorch cannot run it"), torch.no_grad():
            answers = self.call(*(torch.from_numpy(feed[spec.name].copy()) for spec in self.inputs))
            return {name: tensor.numpy() for name, tensor in zip(self.outputs, _flat(answers), strict=True)}


def open_exported(source: str, options: ConvertOptions) -> TorchModel:
    """Return the exported program of a .pt2; its extents are free where it was exported so."""
    refuse_pickles(source, options.trust)
    with framework(f"{source}: PyTorch cannot load it"):
        import torch

        program = torch.export.load(source)
    if options.shapes:
        raise ModelError(f"{source}: want no --shape for an exported program, which says its shapes; found one")
    inputs = program_inputs(source, program)
    return _of_program(source, program, fixed_batch(source, inputs, options.batch), program.module())


def open_factory(source: str, options: ConvertOptions) -> TorchModel:
    """Return the module that the function `module:function`, found from the current directory, makes."""
    import torch

    module = _made(source)
    if not isinstance(module, torch.nn.Module):
        raise ModelError(f"{source}: want a function that returns a torch.nn.Module, found {type(module).__name__}")
    module.eval()
    tensors = examples(source, options, arguments(source, module.forward))
    with advised(options), framework(f"{source}: torch.export cannot export it"):
        program = _exported(source, module, tensors, options.batch)
    return _of_program(source, program, program_inputs(source, program), module)


def open_torchscript(source: str, options: ConvertOptions) -> TorchModel:
    """Return the TorchScript module; PyTorch's newer exporter does not take it, the older one does."""
    with framework(f"{source}: PyTorch cannot load it"):
        import torch

        module = torch.jit.load(source, map_location="cpu").eval()
        names = [argument.name for argument in module.forward.schema.arguments[1:]]
    tensors = examples(source, options, names)
    with advised(options), framework(f"{source}: PyTorch cannot run it"), torch.no_grad():
        outputs = _output_names(module(*tensors.values()), list(tensors))
    inputs = tuple(_spec(name, tensor, options.batch) for name, tensor in tensors.items())
    axes = {} if options.batch else {name: {0: "N"} for name in (*tensors, *outputs)}

    def export() -> onnx.ModelProto:
        return _by_tracing(source, module, tensors, outputs, axes)

    own = {name: described(name, tensor.dtype, tensor.shape) for name, tensor in tensors.items()}
    return TorchModel(source, module, export, inputs, outputs, own, versions(_TOOLS))


def _of_program(source: str, program: Any, inputs: tuple[TensorSpec, ...], call: Callable[..., Any]) -> TorchModel:
    import torch

    answers = torch.utils._pytree.tree_unflatten(program.graph_signature.user_outputs, program.call_spec.out_spec)
    outputs = _output_names(answers, [spec.name for spec in inputs])

    def export() -> onnx.ModelProto:
        from torch.onnx import OnnxExporterError

        with framework(f"{source}: torch.onnx cannot convert it"):
            try:
                made = torch.onnx.export(program, dynamo=True, opset_version=OPSET, external_data=False, verbose=False)
            except OnnxExporterError:
                refuse_unsupported(source, program)
                raise
            model: onnx.ModelProto = made.model_proto
            return model

    own = dict(zip((*(spec.name for spec in inputs), *outputs), program_words(program), strict=True))
    return TorchModel(source, call, export, inputs, outputs, own, versions(_TOOLS))


def _made(source: str) -> Any:
    """Call the function; its module is looked for in the current directory first, as `python -m` does."""
    place, _, name = source.partition(":")
    sys.path.insert(0, str(Path.cwd()))
    try:
        with framework(f"{source}: the function failed"):
            function = getattr(_called(source, importlib.import_module, place), name, None)
            if not callable(function):
                raise ModelError(f"{source}: want a function '{name}' in the module '{place}', found none")
            return _called(source, function)
    except ModelError as exc:
        if isinstance(exc.__cause__, ModuleNotFoundError) and exc.__cause__.name == place.partition(".")[0]:
            raise ModelError(f"{source}: want a module '{place}' in {Path.cwd()}, found none") from None
        raise
    finally:
        sys.path.remove(str(Path.cwd()))


def _called(source: str, function: Callable[..., Any], *arguments: object) -> Any:
    """Return what `function` does; sys.exit() in it, or argparse in a module, must not end the command."""
    try:
        return function(*arguments)
    except SystemExit as exc:
        if exc.code in _SIGNALLED:
            raise
        raise ModelError(
            f"{source}: want a function that returns a module, found one that ends the program with {exc.code!r}; "
            "keep sys.exit() and argparse under `if __name__ == '__main__'`"
        ) from None


def _exported(source: str, module: Any, tensors: Mapping[str, Any], batch: int | None) -> Any:
    """Export with the batch free; a module that fixes it is told of in one line."""
    import torch

    args = tuple(tensors.values())
    try:
        return torch.export.export(module, args, dynamic_shapes=None if batch else dynamic(tensors))
    except (torch._dynamo.exc.UserError, ValueError) as exc:
        if batch or "dynamic" not in str(exc).lower():
            raise
        raise ModelError(
            f"{source}: want a module that takes any batch, found one that depends on it; --batch N fixes it to N"
        ) from None


def _by_tracing(source: str, module: Any, tensors: Mapping[str, Any], outputs: Any, axes: Any) -> onnx.ModelProto:
    import io

    import onnx
    import torch

    kept = io.BytesIO()
    with framework(f"{source}: torch.onnx cannot convert it"):
        torch.onnx.export(
            module, tuple(tensors.values()), kept, dynamo=False, opset_version=OPSET,
            input_names=list(tensors), output_names=list(outputs), dynamic_axes=axes,
        )  # fmt: skip
    return onnx.load_from_string(kept.getvalue())


def _spec(name: str, tensor: Any, batch: int | None) -> TensorSpec:
    array = tensor.numpy()
    kind = next(kind for kind, dtype in DTYPES.items() if dtype == array.dtype and kind != "BF16")
    return TensorSpec(name, kind, (batch or -1, *array.shape[1:]))


def _flat(answers: Any) -> list[Any]:
    import torch

    return [leaf for leaf in torch.utils._pytree.tree_leaves(answers) if isinstance(leaf, torch.Tensor)]


def _output_names(answers: Any, taken: list[str]) -> tuple[str, ...]:
    """Return the keys of a dict; else `output`, or `output_0` and so on."""
    import torch

    paths = [path for path, _ in torch.utils._pytree.tree_flatten_with_path(answers)[0]]
    keys = ["_".join(str(getattr(part, "key", getattr(part, "idx", part))) for part in path) for path in paths]
    if not isinstance(answers, dict):
        keys = ["output"] if len(keys) == 1 else [f"output_{key}" for key in keys]
    return tuple(distinct([*taken, *keys])[len(taken) :])
