"""What does not fit: one line, with the key, what was wanted, what was found."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from edge_common.tensors import TensorSpec
from edgectl.model.errors import ModelError
from edgectl.model.prepare.before.build import build
from edgectl.model.prepare.before.libraries import opencv, pillow
from edgectl.model.prepare.before.spec import Before
from edgectl.model.prepare.declaration import read_declaration

NCHW, NHWC = (-1, 3, 20, 30), (-1, 20, 30, 3)
STRETCH = {"resize": "stretch", "interpolation": "cv2-linear"}


@pytest.mark.parametrize(
    ("keys", "datatype", "shape", "said"),
    [
        pytest.param({"size": [20, 20]}, "FP32", NCHW, "input.size: want [30, 20] (width, height)", id="size"),
        pytest.param({}, "FP32", (-1, 3, -1, -1), "input.size: want [width, height]", id="no-size"),
        pytest.param({"colour": "grey"}, "FP32", NCHW, "input.colour: want what the model's input 'x'", id="grey"),
        pytest.param({}, "FP32", (-1, 1, 20, 30), "found RGB of 3 channels", id="one-channel"),
        pytest.param({}, "FP32", (-1, 4, 20, 30), "found RGB of 3 channels", id="four-channels"),
        pytest.param({"layout": "NHWC"}, "FP32", NCHW, "takes (NHWC), found RGB", id="layout"),
        pytest.param({}, "FP32", (1, 3, 3, 3), 'input.layout: want "NCHW" or "NHWC"', id="either-layout"),
        pytest.param({"size": [9, 9]}, "FP32", (-1, -1, -1, -1), "input.layout: want", id="free-layout"),
        pytest.param({}, "FP32", (4, 3, 20, 30), "input.name: want an input of one frame or of any", id="batch"),
        pytest.param({}, "FP32", (-1, 20), "input.name: want an input of four axes for pixels", id="rank"),
        pytest.param({}, "INT64", NCHW, "input.name: want an input of FP32, FP16, FP64, UINT8, INT8", id="type"),
        pytest.param({}, "INT8", NCHW, "input.quantised: want scale and zero_point", id="int8"),
        pytest.param({"range": [0, 1]}, "UINT8", NHWC, "input.quantised: want scale and zero_point", id="uint8-range"),
        pytest.param({"quantised": {"scale": 1}}, "FP32", NCHW, "for a UINT8 or INT8 input only", id="not-quantised"),
        pytest.param(
            {"quantised": {"scale": 1, "zero_point": 200}}, "INT8", NCHW, "zero_point: want -128 to 127", id="zero"
        ),
        pytest.param({"mean": [1, 2]}, "FP32", NCHW, "input.mean: want one number, or one per channel", id="mean"),
        pytest.param(
            {"std": [1e-300]},
            "FP32",
            NCHW,
            "input.std: want numbers that FP32 computes with, up to 3.4e+38,",
            id="tiny-std",
        ),
        pytest.param(
            {"mean": [1e300]}, "FP16", NCHW, "input.std: want numbers that FP32 computes with", id="huge-mean"
        ),
        pytest.param({"quantised": {"scale": 1e-300}}, "INT8", NCHW, "input.quantised.scale: want numbers", id="scale"),
        pytest.param({"std": [1, 2, 3, 4]}, "FP32", NCHW, "input.std: want one number, or one per", id="std"),
        pytest.param(
            {"resize": "crop", "short_side": 29}, "FP32", NCHW, "short_side: want at least 30", id="short-side"
        ),
    ],
)
def test_what_does_not_fit_the_model(keys: dict[str, object], datatype: str, shape: tuple[int, ...], said: str) -> None:
    spec = msgspec.convert(STRETCH | keys, Before)
    with pytest.raises(ModelError) as refused:
        build(spec, TensorSpec("x", datatype, shape), False)
    assert str(refused.value).startswith("input.")
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("keys", "datatype", "said"),
    [
        pytest.param({"mean": [1, 2, 3]}, "FP32", "input.mean: want one number, or one per column of", id="columns"),
        pytest.param({"std": [1e-300]}, "FP32", "input.std: want numbers that FP32 computes with", id="tiny-std"),
        pytest.param({"mean": [1e39]}, "FP32", "input.mean: want numbers that FP32 computes with", id="huge-mean"),
        pytest.param({}, "INT32", 'input.kind: want "tensor" for FP32 or FP64', id="type"),
    ],
)
def test_numbers_that_do_not_fit(keys: dict[str, object], datatype: str, said: str) -> None:
    with pytest.raises(ModelError, match=said):
        build(msgspec.convert({"kind": "tensor", **keys}, Before), TensorSpec("x", datatype, (-1, 2)), False)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("", "want a table [input] or [output], found neither", id="nothing"),
        pytest.param("[input]\nresise = 'crop'", "input.resise: unknown key; did you mean 'resize'?", id="key"),
        pytest.param("[inputs]", "inputs: unknown key; did you mean 'input'?", id="table"),
        pytest.param("[input]", 'input.resize: want "letterbox", "stretch"', id="no-resize"),
        pytest.param("[input]\nresize = 'crop'", "input.interpolation: want the one", id="no-interpolation"),
        pytest.param("[input]\nresize = 'fit'", "input.resize: want 'crop' or", id="resize"),
        pytest.param("[input]\nsize = [224]", "input.size: want [width, height], each 1 to 8192", id="one-side"),
        pytest.param("[input]\nsize = [224, 0]", "input.size[1]: want 1 to 8192 pixels, found 0", id="no-height"),
        pytest.param("[input]\npad = [256]", "input.pad[0]: want a whole number from 0 to 255", id="pad"),
        pytest.param("[input]\npad = [1, 2]", "pad: want one number, or three (RGB), found 2", id="two-pads"),
        pytest.param("[input]\nstd = [0]", "input.std[0]: want a number above 0, found 0", id="std"),
        pytest.param("[input]\nmean = [nan]", "input.mean[0]: want a finite number, found nan", id="nan"),
        pytest.param("[input]\nrange = [1, 1]", "range: want two numbers that differ", id="range"),
        pytest.param("[input]\nkind = 'tensor'\npad = [1]", "pad: want it left out", id="tensor-pad"),
        pytest.param("[input]\nresize = 'none'\npad = [1]", "pad: want it left out", id="idle-pad"),
        pytest.param("[input]\nresize = 'stretch'\nshort_side = 9", "short_side: want it left out", id="idle-side"),
        pytest.param("[input", "not valid TOML", id="no-toml"),
    ],
)
def test_a_file_that_is_no_declaration(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "dock.toml"
    file.write_text(text)
    with pytest.raises(ModelError) as refused:
        read_declaration(file)
    assert str(refused.value).startswith(f"{file}: ")
    assert said in str(refused.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such file"):
        read_declaration(tmp_path / "none.toml")


@pytest.mark.parametrize(("module", "load", "name"), [("cv2", opencv, "OpenCV"), ("PIL", pillow, "Pillow")])
def test_a_library_that_is_not_installed(monkeypatch: pytest.MonkeyPatch, module: str, load: object, name: str) -> None:
    monkeypatch.setitem(__import__("sys").modules, module, None)
    assert callable(load)
    with pytest.raises(ModelError, match=rf"want {name}, found no such package: .*edgectl\[pictures\]"):
        load()
