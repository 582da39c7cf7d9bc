"""A graph with its pre- and post-processing put into it: what `edgectl model prepare` does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import onnx
from onnx import helper

from edge_common.tensors import TensorSpec
from edgectl.model.convert.names import datatype, renamed
from edgectl.model.convert.quiet import framework
from edgectl.model.errors import ModelError
from edgectl.model.graphs import OPSET, tidied
from edgectl.model.prepare.after.build import RAW
from edgectl.model.prepare.after.build import build as build_after
from edgectl.model.prepare.before.build import build as build_before
from edgectl.model.prepare.before.spec import Before
from edgectl.model.prepare.declaration import Declaration
from edgectl.model.prepare.geometry import GEOMETRY, IMAGE, TENSOR
from edgectl.model.prepare.join import joined, prefixed, refuse_foreign, settled, trimmed

BEFORE, MODEL, AFTER = "before/", "model/", "after/"
_ONNX = ("", "ai.onnx")


def prepare(model: onnx.ModelProto, declaration: Declaration, labels: Sequence[str]) -> onnx.ModelProto:
    """Return `model` with what `declaration` says before and behind it, of standard operators; `model` stays as it is.

    Of the model's own inputs all but the one that is fed keep their names, and of its outputs those in
    `output.keep`, or all without [output].

    Raises:
        ModelError: what is declared does not fit the model, in one line that begins with the key.
    """
    level = _levelled(model)
    whole, inputs = _fronted(level, declaration)
    whole, answers = _backed(whole, level, declaration, labels)
    _refuse_twice([*inputs.values(), *answers.values()])
    whole = settled(renamed(trimmed(whole, list(answers)), inputs | answers))
    refuse_foreign(whole)
    return whole


def _fronted(level: onnx.ModelProto, declaration: Declaration) -> tuple[onnx.ModelProto, dict[str, str]]:
    """Return the model behind its [input], and the tensors that are inputs with the names they are to have."""
    model, inputs = prefixed(level, MODEL), tensors(level.graph.input)
    names = {MODEL + tensor.name: tensor.name for tensor in inputs}
    if declaration.input is None:
        return model, names
    fed = fed_by(declaration.input, inputs)
    before = _at(level, build_before(declaration.input, fed, _one_frame(declaration)))
    sent = IMAGE if declaration.input.kind == "image" else fed.name
    whole = joined(prefixed(before, BEFORE), model, {BEFORE + TENSOR: MODEL + fed.name})
    del names[MODEL + fed.name]
    return whole, {BEFORE + IMAGE: sent} | names


def _backed(
    whole: onnx.ModelProto, level: onnx.ModelProto, declaration: Declaration, labels: Sequence[str]
) -> tuple[onnx.ModelProto, dict[str, str]]:
    """Return `whole` with its [output] behind it, and the tensors that are outputs with the names they are to have."""
    own = {MODEL + value.name: value.name for value in level.graph.output}
    if declaration.output is None:
        return whole, own
    geometry = declaration.input is not None and declaration.input.kind == "image"
    after = _at(level, build_after(declaration.output, tensors(level.graph.output), labels, geometry))
    answers = {AFTER + value.name: value.name for value in after.graph.output}
    whole = joined(whole, prefixed(after, AFTER), _links(after))
    return whole, answers | _kept(declaration.output.keep, own)


def _one_frame(declaration: Declaration) -> bool:
    return declaration.output is not None and declaration.output.spatial


def fed_by(spec: Before, inputs: Sequence[TensorSpec]) -> TensorSpec:
    """Return the model's input that `spec` feeds: the one it names, or the only one."""
    names = [tensor.name for tensor in inputs]
    if isinstance(spec.name, str):
        if spec.name not in names:
            raise ModelError(f"input.name: want an input of the model, {names}, found {spec.name!r}")
        return inputs[names.index(spec.name)]
    if len(inputs) != 1:
        raise ModelError(f"input.name: want one of the model's inputs {names}, found nothing")
    return inputs[0]


def tensors(values: Iterable[onnx.ValueInfoProto]) -> list[TensorSpec]:
    """Return the graph's inputs or outputs, -1 for a free extent; those that are no tensor are left out."""
    return [_tensor(value) for value in values if value.type.tensor_type.elem_type]


def _tensor(value: onnx.ValueInfoProto) -> TensorSpec:
    kind = value.type.tensor_type
    dims = (dim.dim_value if dim.HasField("dim_value") else -1 for dim in kind.shape.dim)
    dtype = helper.tensor_dtype_to_np_dtype(kind.elem_type)
    return TensorSpec(value.name, datatype("the model", value.name, dtype), tuple(dims))


def _levelled(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a copy of `model` with its opsets once each and at least OPSET, and initializers that are no inputs."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    copy = tidied(copy)
    refuse_foreign(copy)
    constants = {constant.name for constant in copy.graph.initializer}
    inputs = [value for value in copy.graph.input if value.name not in constants]
    if len(inputs) != len(copy.graph.input):
        del copy.graph.input[:]
        copy.graph.input.extend(inputs)
    # Types of what lies between come of its own accord, and with the batch that the frames have.
    del copy.graph.value_info[:]
    if (found := _opset(copy)) >= OPSET:
        return copy
    with framework(f"opset {found} cannot be raised to {OPSET}; export the model again with opset {OPSET}"):
        from onnx import version_converter

        return tidied(version_converter.convert_version(copy, OPSET))


def _opset(model: onnx.ModelProto) -> int:
    return next((int(entry.version) for entry in model.opset_import if entry.domain in _ONNX), OPSET)


def _at(level: onnx.ModelProto, part: onnx.ModelProto) -> onnx.ModelProto:
    """Return `part`, changed in place, of the opset and IR that the model has: its operators mean the same there.

    Each node is named after what it makes: a profile tells them from the model's own.
    """
    for node in part.graph.node:
        node.name = node.output[0]
    del part.opset_import[:]
    part.opset_import.append(helper.make_opsetid("", _opset(level)))
    part.ir_version = level.ir_version
    return part


def _links(after: onnx.ModelProto) -> Mapping[str, str]:
    names = [value.name for value in after.graph.input]
    return {(BEFORE if name in GEOMETRY else MODEL) + name.removeprefix(RAW): AFTER + name for name in names}


def _kept(keep: Sequence[str], answers: Mapping[str, str]) -> dict[str, str]:
    for name in keep:
        if name not in answers.values():
            raise ModelError(f"output.keep: want outputs of the model, {list(answers.values())}, found {name!r}")
    return {inner: name for inner, name in answers.items() if name in keep}


def _refuse_twice(names: Sequence[str]) -> None:
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ModelError(
            f"want each input and output of the prepared graph by a name of its own, found {twice!r} twice; "
            "rename the model's when it is exported"
        )
