"""What [output] refuses: one line with the key, what was wanted and what was found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_common.tensors import TensorSpec
from edge_common.tomlfile import ConfigError, read_toml
from edgectl.model.errors import ModelError
from edgectl.model.prepare.after.build import build
from edgectl.model.prepare.after.spec import After, Anomaly, Boxes, Classes, Mask


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("", "classes, boxes, mask or anomaly: want one of these tables, found none", id="empty"),
        pytest.param("[mask]\n[classes]\n", "want one of these tables, found classes and mask", id="two"),
        pytest.param("[clases]", "clases: unknown key; did you mean 'classes'?", id="slip"),
        pytest.param("[classes]\nfrm = 'x'", "classes.frm: unknown key; did you mean 'from'?", id="slip-inside"),
        pytest.param("[classes]\ntop = 0", "classes.top: want a whole number from 1 to 100, found 0", id="top"),
        pytest.param("[boxes]\nstyle = 'yolo'", "boxes.style: want 'ssd' or 'ssd-decoded' or 'yolo-v10' or 'yolo-v5' or 'yolo-v8', found 'yolo'", id="style"),
        pytest.param("[boxes]\nstyle = 'ssd-decoded'", "boxes.scores: want the output with the scores, as style is 'ssd-decoded', found nothing", id="no-scores"),
        pytest.param("[boxes]\nstyle = 'yolo-v8'\nscores = 's'", "boxes.scores: want none: 'yolo-v8' has all in the output of from, found 's'", id="scores"),
        pytest.param("[boxes]\nstyle = 'ssd'\nscores = 's'", "boxes.anchors: want an .npy file with 'ssd', else none, found nothing", id="no-anchors"),
        pytest.param("[boxes]\nstyle = 'yolo-v10'\nmany = true", "boxes.style: want neither many, softmax nor suppress 'per-class' where", id="v10"),
        pytest.param("[boxes]\nstyle = 'yolo-v5'\nactivation = 'softmax'", "boxes.activation: want 'none' or 'sigmoid', found 'softmax'", id="v5"),
        pytest.param("[boxes]\nstyle = 'yolo-v8'\nmany = true\nsuppress = 'class-blind'", "boxes.suppress: want 'per-class' or 'none' beside many", id="many"),
        pytest.param("[boxes]\nstyle = 'yolo-v8'\norder = 'yx'", "boxes.order: want it with the styles 'ssd' and 'ssd-decoded' only", id="order"),
        pytest.param("[boxes]\nstyle = 'yolo-v8'\nmax_boxes = 5000", "boxes.max_boxes: want a whole number from 1 to 1000, found 5000", id="cap"),
        pytest.param("[boxes]\nstyle = 'yolo-v8'\nvariances = [0.0, 1.0, 1.0, 1.0]", "boxes.variances: want none that is 0", id="variances"),
        pytest.param("[mask]\nlayout = 'map'\nresize = 'linear'", "mask.layout: want 'nchw' or 'nhwc' beside resize 'linear' or an activation, found 'map'", id="map"),
        pytest.param("[anomaly]\nthreshold = 0.0", "anomaly.anomalous: required, but not there", id="direction"),
        pytest.param("[anomaly]\nthreshold = inf\nanomalous = 'above'", "anomaly.threshold: want a finite number, found inf", id="infinite"),
    ],
)  # fmt: skip
def test_declaration(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "output.toml"
    file.write_text(text)
    with pytest.raises(ConfigError) as raised:
        read_toml(file, After)
    assert message in str(raised.value)
    assert len(str(raised.value).splitlines()) == 1


def told(*outputs: tuple[Any, ...]) -> list[TensorSpec]:
    return [TensorSpec(name, datatype, shape) for name, datatype, shape in outputs]


ROWS = told(("p", "FP32", (-1, 3)))
HEADS = told(("a", "FP32", (-1, 3)), ("b", "FP64", (-1, 3)), ("n", "INT64", (-1,)))
V8 = told(("output0", "FP32", (1, 7, 8400)))
SSD = told(("loc", "FP32", (1, 50, 4)), ("conf", "FP32", (1, 50, 4)), ("few", "FP32", (1, 49, 4)))
LOGITS = told(("m", "FP32", (1, 5, 48, 64)))
SCORE = told(("label", "INT64", (-1, 1)), ("scores", "FP32", (-1, 1)))
ABC = ("a", "b", "c")


@pytest.mark.parametrize(
    ("spec", "outputs", "labels", "message"),
    [
        pytest.param(After(classes=Classes(source="q")), ROWS, (), "output.classes.from: want an output of the model, 'p' FP32 [-1, 3], found 'q'", id="no-such-output"),
        pytest.param(After(classes=Classes()), HEADS, (), "output.classes.from: want the name of one, as 2 outputs fit, found none; 'a' FP32 [-1, 3], 'b' FP64 [-1, 3]", id="a-choice"),
        pytest.param(After(classes=Classes()), LOGITS, (), "output.classes.from: want an output of floats [N, classes], found 'm' FP32 [1, 5, 48, 64]", id="none-fits"),
        pytest.param(After(classes=Classes(source="n")), HEADS, (), "output.classes.from: want an output of floats [N, classes], found 'n' INT64 [-1]", id="wrong-type"),
        pytest.param(After(classes=Classes()), ROWS, ("a", "b"), "output.classes.from: want 2 classes, as there are labels, found 3 in 'p' FP32 [-1, 3]", id="labels"),
        pytest.param(After(classes=Classes(text=True)), ROWS, (), "output.classes.text: want labels to answer in text, found none", id="no-labels"),
        pytest.param(After(classes=Classes(top=4)), ROWS, (), "output.classes.top: want at most as many as there are classes, found 4", id="top"),
        pytest.param(After(classes=Classes(activation="softmax")), told(("p", "FP32", (-1, 1))), (), "output.classes.activation: want 'sigmoid' for one column", id="one-column"),
        pytest.param(After(boxes=Boxes(style="yolo-v8")), V8, ("a", "b"), "output.boxes.from: want 2 classes, as there are labels, found 3 in 'output0' FP32 [1, 7, 8400]; style 'yolo-v8' reads [1, 4 + classes, boxes]", id="yolo-labels"),
        pytest.param(After(boxes=Boxes(style="yolo-v5")), V8, ABC, "output.boxes.from: want 3 classes, as there are labels, found 8395 in", id="wrong-style"),
        pytest.param(After(boxes=Boxes(style="yolo-v10")), V8, ABC, "output.boxes.from: want [1, boxes, 6] for style 'yolo-v10', found 'output0'", id="not-v10"),
        pytest.param(After(boxes=Boxes(style="yolo-v8")), told(("o", "FP32", (1, 4, 9))), (), "output.boxes.from: want [1, 4 + classes, boxes] for style 'yolo-v8', found", id="no-class"),
        pytest.param(After(boxes=Boxes(style="yolo-v8")), told(("o", "FP32", (8, 7, 9))), ABC, "output.boxes: want an output of one frame, [1, ...], found 'o'", id="a-batch"),
        pytest.param(After(boxes=Boxes(style="ssd-decoded", source="loc", scores="few")), SSD, (), "output.boxes.scores: want [1, boxes, classes] as 'loc' is [1, 50, 4], found 'few'", id="other-boxes"),
        pytest.param(After(boxes=Boxes(style="ssd-decoded", source="loc", scores="conf")), SSD, ABC, "found 4 in 'conf' FP32 [1, 50, 4]; first_class says how many columns are no class", id="background"),
        pytest.param(After(boxes=Boxes(style="ssd-decoded", source="loc", scores="conf", first_class=4)), SSD, (), "output.boxes.first_class: want fewer than 'conf' FP32 [1, 50, 4] has columns, found 4", id="first-class"),
        pytest.param(After(boxes=Boxes(style="ssd-decoded", scores="conf")), SSD, (), "output.boxes.from: want the name of one, as 3 outputs fit", id="ssd-choice"),
        pytest.param(After(mask=Mask()), LOGITS, ABC, "output.mask.from: want 3 classes, as there are labels, found 5 in 'm' FP32 [1, 5, 48, 64]; layout 'nchw' reads [1, classes, h, w]", id="mask-labels"),
        pytest.param(After(mask=Mask()), told(("m", "FP32", (1, 300, 4, 4))), (), "output.mask.from: want 1 to 256 classes in [1, classes, h, w], found 'm'", id="mask-classes"),
        pytest.param(After(mask=Mask(layout="map")), LOGITS, (), "output.mask.from: want an output of whole numbers [1, h, w], found 'm' FP32", id="no-map"),
        pytest.param(After(anomaly=Anomaly(threshold=0, anomalous="below")), SCORE, ABC, "output.anomaly: want two labels, that of the normal and that of the anomalous, found 3", id="anomaly-labels"),
        pytest.param(After(anomaly=Anomaly(threshold=0, anomalous="below")), ROWS, (), "output.anomaly.from: want an output of floats [N] or [N, 1], found 'p' FP32 [-1, 3]", id="no-score"),
        pytest.param(After(anomaly=Anomaly(threshold=0, anomalous="below"), keep=("label",)), SCORE, (), "output.keep: want no name of the answers ['score', 'label', 'threshold'], found 'label'", id="keep"),
    ],
)  # fmt: skip
def test_model(spec: After, outputs: list[TensorSpec], labels: tuple[str, ...], message: str) -> None:
    with pytest.raises(ModelError) as raised:
        build(spec, outputs, labels, True)
    assert message in str(raised.value)
    assert len(str(raised.value).splitlines()) == 1


def test_shares_of_a_picture_that_nobody_knows() -> None:
    spec = After(boxes=Boxes(style="yolo-v8", normalised=True))
    with pytest.raises(ModelError, match=r"output.boxes.normalised: want \[input\] for a picture"):
        build(spec, V8, ABC, False)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        pytest.param(None, "found 'a.npy': no such file", id="missing"),
        pytest.param(b"PK nothing", "that is no array of numbers", id="no-array"),
        pytest.param(b"PK\x03\x04 nothing", "that is no array of numbers", id="broken-archive"),
        pytest.param(b"", "that is no array of numbers", id="empty"),
        pytest.param({"a": np.zeros(3)}, "that is no array of numbers", id="archive"),
        pytest.param(np.zeros((50, 3), np.float32), "want floats [boxes, 4], found float32 [50, 3]", id="columns"),
        pytest.param(np.zeros((50, 4), np.int64), "want floats [boxes, 4], found int64 [50, 4]", id="whole-numbers"),
        pytest.param(np.zeros((49, 4), np.float32), "want 50 anchors, as the model has boxes, found 49", id="count"),
        pytest.param(np.full((50, 4), np.nan, np.float32), "want finite numbers, found NaN", id="nan"),
        pytest.param(np.array([{}]), "that is no array of numbers", id="pickle"),
    ],
)
def test_anchors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, array: Any, message: str) -> None:
    monkeypatch.chdir(tmp_path)
    if isinstance(array, bytes):
        Path("a.npy").write_bytes(array)
    elif isinstance(array, dict):
        np.savez("a.npz", **array)
        Path("a.npz").rename("a.npy")
    elif array is not None:
        np.save("a.npy", array)
    spec = After(boxes=Boxes(style="ssd", source="loc", scores="conf", anchors="a.npy"))
    with pytest.raises(ModelError) as raised:
        build(spec, SSD, (), True)
    assert message in str(raised.value)
    assert len(str(raised.value).splitlines()) == 1


def test_a_file_of_too_many_anchors(tmp_path: Path) -> None:
    """Refused by its size, unread: it has no bytes on the disk."""
    with (tmp_path / "a.npy").open("wb") as file:
        file.truncate(2**40)
    spec = After(boxes=Boxes(style="ssd", source="loc", scores="conf", anchors=str(tmp_path / "a.npy")))
    with pytest.raises(ModelError, match="want at most 1000000 anchors, found a file of 1099511627776 bytes"):
        build(spec, SSD, (), True)


def test_anchors_lie_beside_the_declaration(tmp_path: Path) -> None:
    spec = After(boxes=Boxes(style="ssd", scores="conf", anchors="a.npy"), keep=("loc",))
    found = spec.beside(tmp_path / "d.toml")
    assert found.boxes is not None
    assert found.boxes.anchors == str(tmp_path / "a.npy")
    assert found.keep == ("loc",)
