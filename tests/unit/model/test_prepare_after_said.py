"""What the service says of the answers: the graph's outputs through the bundle's [answer], unchanged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest

from edge_common.answers import predictions, shares
from edge_common.manifest import Answer
from edge_common.tensors import Array
from edgectl.model.prepare.after.spec import After, Anomaly, Boxes, Classes
from edgectl.model.prepare.geometry import Geometry
from model_graphs_after import answered, pair
from onnx_models import FLOAT, Tensor, save

LABELS = ("parcel", "bag")


def says(spec: After, outputs: dict[str, Array], answer: Answer, geometry: Geometry | None = None) -> list[object]:
    return list(predictions(answer, LABELS, answered(spec, outputs, LABELS, geometry)[0][0]))


@pytest.mark.parametrize("text", [False, True], ids=["numbers", "text"])
def test_classification(text: bool) -> None:
    spec = After(classes=Classes(activation="sigmoid", text=text, top=1))
    answer = Answer(label="label", probabilities="probabilities", labels="labels.txt")
    outputs = {"logit": np.array([[0.0], [np.log(3)]], np.float32)}
    assert says(spec, outputs, answer) == [("parcel", 0.5), ("bag", pytest.approx(0.75))]
    assert shares(answer, answered(spec, outputs, LABELS)[0][0])[0] == [0.5, 0.5]


@pytest.mark.parametrize("text", [False, True], ids=["numbers", "text"])
def test_anomaly(text: bool) -> None:
    spec = After(anomaly=Anomaly(threshold=0, anomalous="below", text=text))
    answer = Answer(label="label", score="score", labels="labels.txt")
    outputs = {"s": np.array([[0.5], [-0.5]], np.float32)}
    assert says(spec, outputs, answer) == [("parcel", 0.5), ("bag", -0.5)]


def test_detection() -> None:
    raw = np.array([[[10, 10, 4, 4, 0.5, 0.0, 1.0], [30, 30, 4, 4, 1.0, 0.75, 0.0]]], np.float32)
    geometry = Geometry(pair(1, 1), pair(0, 0), pair(64, 48), pair(64, 48))
    answer = Answer(boxes="boxes", scores="scores", classes="classes", labels="labels.txt")
    said = says(After(boxes=Boxes(style="yolo-v5")), {"o": raw}, answer, geometry)
    assert said == [("parcel", 0.75), ("bag", 0.5)]


def constant(path: Path, outputs: dict[str, Array]) -> Path:
    """pixels FP32 [1, 3, 48, 64] -> `outputs`, whatever the pixels."""
    from onnx import helper, numpy_helper

    nodes = [helper.make_node("ReduceSum", ["pixels"], ["sum"], keepdims=0), helper.make_node("Mul", ["sum", "zero"], ["none"])]  # fmt: skip
    nodes += [helper.make_node("Add", [f"{name}_", "none"], [name]) for name in outputs]
    constants = [numpy_helper.from_array(array, f"{name}_") for name, array in outputs.items()]
    constants.append(numpy_helper.from_array(np.array(0, np.float32), "zero"))
    told: list[Tensor] = [(name, FLOAT, array.shape) for name, array in outputs.items()]
    return save(path, nodes, [("pixels", FLOAT, [1, 3, 48, 64])], told, constants=constants)


def prepared(run: Callable[..., tuple[int, str, str]], model: Path, declaration: str, labels: str) -> Path:
    """Call `edgectl model prepare` with a letterbox and the `declaration` of [output]; return its graph."""
    folder = model.parent
    (folder / "d.toml").write_text('[input]\nresize = "letterbox"\ninterpolation = "cv2-linear"\n' + declaration)
    (folder / "labels.txt").write_text(labels)
    command = ("model", "prepare", model, "--declaration", folder / "d.toml", "--labels", folder / "labels.txt")
    code, _, err = run(*command, "--output", folder / "out.onnx")
    assert code == 0, err
    return folder / "out.onnx"


def test_a_detector_through_the_command(run: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    """SSD with anchors beside the declaration; a frame of 128 x 64 has bars of 8 pixels in an input of 64 x 48."""
    np.save(tmp_path / "anchors.npy", np.array([[0.5, 0.5, 0.25, 0.25]], np.float32))
    outputs = {"loc": np.zeros((1, 1, 4), np.float32), "conf": np.array([[[0.0, 0.0, 0.5]]], np.float32)}
    declaration = (
        '[output.boxes]\nstyle = "ssd"\nfrom = "loc"\nscores = "conf"\nfirst_class = 1\nanchors = "anchors.npy"\n'
    )
    graph = prepared(run, constant(tmp_path / "m.onnx", outputs), declaration, "parcel\nbag\n")
    answers = ort.InferenceSession(str(graph)).run(None, {"image": np.zeros((1, 64, 128, 3), np.uint8)})
    # 24..40 x 18..30 in the input: times two, less the bar.
    assert [array.tolist() for array in answers] == [[[48, 20, 80, 44]], [0.5], [1]]


def test_a_mask_through_the_command(run: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    scores = np.zeros((1, 1, 12, 16), np.float32)
    scores[0, 0, :6] = 1
    graph = prepared(run, constant(tmp_path / "m.onnx", {"m": scores}), "[output.mask]\n", "floor\nscratch\n")
    (mask,) = ort.InferenceSession(str(graph)).run(None, {"image": np.zeros((1, 64, 128, 3), np.uint8)})
    assert mask.dtype == np.uint8
    assert mask[0, :, 7].tolist() == [1] * 32 + [0] * 32


def test_a_declaration_that_does_not_fit(run: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    model = constant(tmp_path / "m.onnx", {"m": np.zeros((1, 3, 12, 16), np.float32)})
    (tmp_path / "d.toml").write_text("[output.mask]\n")
    (tmp_path / "labels.txt").write_text("a\nb\n")
    command = ("model", "prepare", model, "--declaration", tmp_path / "d.toml", "--labels", tmp_path / "labels.txt")
    code, _, err = run(*command, "--output", tmp_path / "out.onnx")
    assert code == 2
    assert len(err.splitlines()) == 1
    assert f"{tmp_path / 'd.toml'}: output.mask.from: want 2 classes, as there are labels, found 3 in 'm' FP32" in err
    assert not (tmp_path / "out.onnx").exists()
