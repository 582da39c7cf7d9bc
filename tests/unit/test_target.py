"""A graph optimised for one machine: served there as it is, and nowhere else."""

from __future__ import annotations

import hashlib
from pathlib import Path

import onnx
import onnxruntime as ort
import pytest
import tomli_w

import onnx_models
from edge_common.bundle import Bundle, BundleError, Target, read_bundle
from edge_common.target import check_target, this_target
from edge_inference.cpu import CpuLimit
from edge_inference.engine import Engine
from edge_inference.selfcheck import CheckFailed, check_machine
from edge_inference.service import Service
from edge_inference.settings import Settings

HERE = this_target(ort.__version__)


def _bundle(directory: Path, target: dict[str, object] | None) -> Bundle:
    model = onnx_models.doubler(directory / "model.onnx")
    file: dict[str, object] = {"path": "model.onnx", "sha256": hashlib.sha256(model.read_bytes()).hexdigest()}
    file |= {"target": target} if target is not None else {}
    manifest = {"schema": 1, "name": "doubler", "version": "1.0.0", "task": "tensor", "file": file}
    (directory / "model.toml").write_text(tomli_w.dumps(manifest))
    return read_bundle(directory)


def _target(**changed: object) -> dict[str, object]:
    return {"machine": HERE.machine, "cpu": list(HERE.cpu), "onnxruntime": HERE.onnxruntime} | changed


OTHERS = [
    pytest.param(
        _target(machine="riscv64"), "machine: want riscv64, which the graph was optimised for, found", id="machine"
    ),
    pytest.param(_target(onnxruntime="1.2"), f"onnxruntime: want 1.2, .*, found {HERE.onnxruntime}", id="onnxruntime"),
    pytest.param(
        _target(cpu=[*HERE.cpu, "sse9"]), "cpu: want a CPU with sse9, .*, found a CPU without sse9;", id="newer cpu"
    ),
    pytest.param(
        _target(cpu=HERE.cpu[1:]),
        f"cpu: want a CPU without {HERE.cpu[0]}, .*, found a CPU with {HERE.cpu[0]};",
        id="older cpu",
    ),
]


def test_this_machine_and_a_bundle_for_any(tmp_path: Path) -> None:
    assert HERE.cpu and HERE.cpu == sorted(HERE.cpu)
    check_target(_bundle(tmp_path, _target()), ort.__version__)
    check_target(_bundle(tmp_path, None), "0.0.0")


def test_another_patch_of_the_runtime_does(tmp_path: Path) -> None:
    check_target(_bundle(tmp_path, _target()), f"{HERE.onnxruntime}.99")


@pytest.mark.parametrize(("target", "text"), OTHERS)
def test_another_machine_is_told_apart(tmp_path: Path, target: dict[str, object], text: str) -> None:
    bundle = _bundle(tmp_path, target)
    with pytest.raises(BundleError, match=rf"^{tmp_path}/model.toml: file.target.{text}"):
        check_target(bundle, ort.__version__)
    with pytest.raises(CheckFailed, match="deploy the portable bundle"):
        check_machine(bundle, ort.__version__)


@pytest.mark.parametrize(("target", "text"), OTHERS)
def test_the_service_refuses_it_unread(tmp_path: Path, target: dict[str, object], text: str) -> None:
    service = Service(Settings(model=tmp_path), _bundle(tmp_path, target), CpuLimit(1.0, 1))
    with pytest.raises(CheckFailed, match=text):
        service.load(0.0)
    assert not service.ready and "self-check failed" in service.reason
    assert service.recorder.selfcheck_failures == 1


def test_a_target_with_a_typo_is_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"file.target.cpus: unknown key; did you mean 'cpu'\?"):
        _bundle(tmp_path, _target(cpus=[]))


def _constant_sum(path: Path) -> Path:
    """x FP32 [N, 2] -> y = x + (1 + 1): ONNX Runtime folds the constant unless it is told to leave the graph alone."""
    one = onnx.helper.make_tensor("one", onnx_models.FLOAT, [], [1.0])
    nodes = [onnx.helper.make_node("Add", ["one", "one"], ["two"]), onnx.helper.make_node("Add", ["x", "two"], ["y"])]
    floats = onnx_models.FLOAT
    return onnx_models.save(path, nodes, [("x", floats, ["N", 2])], [("y", floats, ["N", 2])], constants=[one])


@pytest.mark.parametrize("optimised", [True, False])
def test_an_optimised_graph_is_taken_as_it_is(tmp_path: Path, optimised: bool) -> None:
    """A cache keeps what ONNX Runtime optimised: there is none of a graph that it was told not to touch."""
    cache = tmp_path / "cache"
    engine = Engine.open(_constant_sum(tmp_path / "m.onnx"), "a", threads=1, cache_dir=cache, optimised=optimised)
    level = engine._session.get_session_options().graph_optimization_level
    assert (level == ort.GraphOptimizationLevel.ORT_DISABLE_ALL) == optimised
    assert cache.exists() != optimised and not engine.cached


def test_a_target_survives_its_manifest(tmp_path: Path) -> None:
    assert _bundle(tmp_path, _target()).target == HERE == Target(**_target())  # type: ignore[arg-type]
