"""[input] as a graph equals [input] by OpenCV and Pillow: of any size, any values, at both ends of optimisation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np
import onnxruntime as ort
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnxruntime.capi import onnxruntime_pybind11_state

from edge_common.ortreason import ort_faults
from edge_common.tensors import DTYPES, TensorSpec
from edgectl.model.prepare.before.build import build
from edgectl.model.prepare.before.fit import fitted
from edgectl.model.prepare.before.reference import apply, placed
from edgectl.model.prepare.before.spec import Before
from model_graphs_before import LEVELS, session

ORT_FAULTS = ort_faults(onnxruntime_pybind11_state)
# Of 255, the largest difference seen; docs/models/prepare.md has it too.
TOLERANCE = {
    "cv2-linear": 1,
    "cv2-cubic": 1,
    "cv2-nearest": 0,
    "pil-bilinear": 2,
    "pil-bicubic": 2,
    "tf-bilinear": 0.05,
}
RESIZES: dict[str, dict[str, Any]] = {
    "letterbox": {"pad": (114,)},
    "letterbox-in-the-corner": {"resize": "letterbox", "place": "corner", "pad": (1, 2, 200)},
    "stretch": {},
    "crop": {},
    "crop-of-a-larger": {"resize": "crop", "short_side": 41},
}
# Frames: from one pixel, over odd, upright and lying ones, to one that is all but a line.
SIDES = st.one_of(st.integers(1, 70), st.sampled_from([1, 333, 501]))
KINDS = st.sampled_from(["noise", "black and white", "even", "ramp"])


def frames(count: int, width: int, height: int, kind: str, seed: int) -> np.ndarray[Any, Any]:
    rng = np.random.default_rng(seed)
    shape = (count, height, width, 3)
    if kind == "noise":
        return rng.integers(0, 256, shape, dtype=np.uint8)
    if kind == "black and white":
        return rng.integers(0, 2, shape, dtype=np.uint8) * np.uint8(255)
    if kind == "even":
        return np.full(shape, rng.integers(0, 256), np.uint8)
    return np.broadcast_to(np.linspace(0, 255, width).astype(np.uint8)[:, None], shape).copy()


def spec_of(interpolation: str, resize: str, **keys: Any) -> Before:
    keys = {"resize": resize, "size": (40, 28), **RESIZES[resize], **keys}
    return Before(interpolation=interpolation, **keys)  # type: ignore[arg-type]


def differences(
    spec: Before, tensor: TensorSpec, sessions: list[ort.InferenceSession], image: np.ndarray[Any, Any]
) -> Iterator[float]:
    """Yield for each session how far it is from the reference at most; geometry, type and shape are equal."""
    wanted, geometry = apply(spec, tensor, False, image)
    assert geometry is not None
    for running in sessions:
        made, scale, offset, frame, size = running.run(["tensor", "scale", "offset", "frame", "size"], {"image": image})
        assert (made.dtype, made.shape) == (wanted.dtype, wanted.shape)
        np.testing.assert_allclose(scale, geometry.scale, rtol=1e-6)
        np.testing.assert_allclose(offset, geometry.offset, rtol=1e-6)
        np.testing.assert_array_equal([frame, size], [geometry.frame, geometry.size])
        yield float(np.abs(made.astype(np.float64) - wanted.astype(np.float64)).max())


@pytest.mark.parametrize("resize", RESIZES)
@pytest.mark.parametrize("interpolation", TOLERANCE)
def test_a_graph_resizes_as_the_library_does(interpolation: str, resize: str) -> None:
    spec, tensor = spec_of(interpolation, resize), TensorSpec("x", "FP32", (-1, 3, -1, -1))
    graph = build(spec, tensor, False)
    sessions = [session(graph, level) for level in LEVELS]

    @settings(max_examples=8, deadline=None)
    @given(width=SIDES, height=SIDES, kind=KINDS, seed=st.integers(0, 99))
    def holds(width: int, height: int, kind: str, seed: int) -> None:
        image = frames(2 if resize == "stretch" else 1, width, height, kind, seed)
        assert max(differences(spec, tensor, sessions, image)) <= TOLERANCE[interpolation]

    holds()


@pytest.mark.parametrize("other", ["cv2-linear", "cv2-cubic", "cv2-nearest", "pil-bicubic"])
def test_the_wrong_library_would_be_seen(other: str) -> None:
    """The bounds above are not so wide that anything passes."""
    tensor, image = TensorSpec("x", "FP32", (-1, 3, -1, -1)), frames(1, 501, 333, "noise", 1)
    running = session(build(spec_of("pil-bilinear", "stretch"), tensor, False))
    assert max(differences(spec_of(other, "stretch"), tensor, [running], image)) > max(TOLERANCE.values())


@pytest.mark.parametrize("resize", ["stretch", "crop"])
def test_nearest_takes_opencvs_pixel_where_doubles_fall_on_either_side(resize: str) -> None:
    """At 28 of 58 rows, 1 / (28 / 58) and 58 / 28 put the 15th into different ones; 1000 / 64 is exact, not in FP32."""
    tensor = TensorSpec("x", "FP32", (-1, 3, -1, -1))
    for size, frame in (((28, 28), (58, 58)), ((64, 28), (1000, 438))):
        spec = spec_of("cv2-nearest", resize, size=size)
        sessions = [session(build(spec, tensor, False), level) for level in LEVELS]
        assert max(differences(spec, tensor, sessions, frames(1, *frame, "noise", 0))) == 0


VALUES: dict[str, tuple[str, dict[str, Any]]] = {
    "unit": ("FP32", {"range": (0.0, 1.0)}),
    "signed-bgr": ("FP32", {"range": (-1.0, 1.0), "colour": "BGR"}),
    "imagenet": ("FP32", {"range": (0.0, 1.0), "mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}),
    "caffe-bgr": ("FP32", {"mean": (103.939, 116.779, 123.68), "colour": "BGR"}),
    "grey": ("FP32", {"range": (0.0, 1.0), "colour": "grey"}),
    "grey-one-mean": ("FP32", {"colour": "grey", "mean": (33.3,), "std": (2.0,)}),
    "one-mean-three-stds": ("FP32", {"mean": (3.0,), "std": (1.0, 2.0, 3.0)}),
    "half": ("FP16", {"range": (0.0, 1.0)}),
    "double": ("FP64", {"range": (0.0, 1.0)}),
    "bytes": ("UINT8", {}),
    "bytes-bgr": ("UINT8", {"colour": "BGR"}),
    "int8": ("INT8", {"range": (0.0, 1.0), "quantised": {"scale": 1 / 255, "zero_point": -128}}),
    "uint8-quantised": ("UINT8", {"range": (-1.0, 1.0), "quantised": {"scale": 0.0078, "zero_point": 127}}),
}


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("values", VALUES)
def test_values_layout_and_type_are_the_models(values: str, layout: str) -> None:
    datatype, keys = VALUES[values]
    document = {"interpolation": "cv2-nearest", "resize": "stretch", "size": [9, 5], **keys}
    spec = msgspec.convert(document, Before)
    channels = 1 if spec.colour == "grey" else 3
    tensor = TensorSpec("x", datatype, (-1, channels, 5, 9) if layout == "NCHW" else (-1, 5, 9, channels))
    graph = build(spec, tensor, False)
    # Grey is rounded, a level up or down; what is quantised can fall on either side of a half.
    level = 1.0 if datatype in ("UINT8", "INT8") else 1 / 255 if "range" in keys else 1.0
    allowed = level if channels == 1 or "quantised" in keys else 0.0
    allowed += {"FP16": 1e-3, "FP32": 2e-5, "FP64": 1e-7}.get(datatype, 0.0)
    for seed in range(3):
        image = frames(2, 13, 7, "noise", seed)
        found = differences(spec, tensor, [session(graph, name) for name in LEVELS], image)
        assert max(found) <= allowed


@settings(max_examples=40, deadline=None)
@given(width=st.integers(1, 4000), height=st.integers(1, 4000))
def test_a_letterbox_lies_where_yolo_puts_it(width: int, height: int) -> None:
    """Against the arithmetic that is copied from one YOLO repository to the next, where a half is no matter of luck."""
    fit = fitted(spec_of("cv2-linear", "letterbox", size=(640, 480)), TensorSpec("x", "FP32", (1, 3, -1, -1)), True)
    ratio = min(480 / height, 640 / width)
    if any(abs(side * ratio % 1 - 0.5) < 1e-6 for side in (width, height)):
        return
    new = max(1, round(width * ratio)), max(1, round(height * ratio))
    spare = (640 - new[0]) / 2, (480 - new[1]) / 2
    assert placed(fit, (width, height)) == (new, (round(spare[0] - 0.1), round(spare[1] - 0.1)))


@settings(max_examples=40, deadline=None)
@given(width=st.integers(1, 2000), height=st.integers(1, 2000))
def test_a_crop_lies_where_torchvision_puts_it(width: int, height: int) -> None:
    """Against torchvision.transforms.v2.functional: resize to the shorter side, center_crop."""
    keys = {"size": (224, 224), "short_side": 256}
    fit = fitted(spec_of("pil-bilinear", "crop", **keys), TensorSpec("x", "FP32", (1, 3, -1, -1)), True)
    short, long = sorted((width, height))
    longer = 256 * long // short
    new = (longer, 256) if width > height else (256, longer)
    assert placed(fit, (width, height)) == (new, (-round((new[0] - 224) / 2), -round((new[1] - 224) / 2)))


def test_a_long_frame_takes_no_more_than_it_shows() -> None:
    """20 000 x 1 would have to be resized to 800 000 x 40; geometry is that of the frame that was sent."""
    spec, tensor = spec_of("pil-bilinear", "crop", size=(40, 40)), TensorSpec("x", "FP32", (1, 3, -1, -1))
    image = frames(1, 20_000, 1, "noise", 0)
    made, scale, offset = session(build(spec, tensor, True)).run(["tensor", "scale", "offset"], {"image": image})
    assert list((np.array([20, 20]) - offset) / scale) == [10_000.0, 0.5]
    middle = image[0, 0, 9_999:10_001]
    assert (made >= middle.min(0)[:, None, None]).all()
    assert (made <= middle.max(0)[:, None, None]).all()


@pytest.mark.parametrize("resize", ["letterbox", "stretch", "crop"])
@pytest.mark.parametrize("interpolation", ["cv2-linear", "cv2-cubic", "pil-bilinear"])
def test_a_frame_without_pixels_fails_as_an_error(
    interpolation: str, resize: str, capfd: pytest.CaptureFixture[str]
) -> None:
    running = session(build(spec_of(interpolation, resize), TensorSpec("x", "FP32", (1, 3, -1, -1)), True))
    with pytest.raises(ORT_FAULTS):
        running.run(["tensor"], {"image": np.zeros((1, 0, 5, 3), np.uint8)})
    # ONNX Runtime logs it beside.
    capfd.readouterr()


def test_a_picture_by_hand() -> None:
    """Two pixels, red and blue, into a 4 x 4 letterbox with a green frame, as BGR from 0 to 1."""
    spec = spec_of("cv2-nearest", "letterbox", size=(4, 4), pad=(0, 255, 0), colour="BGR", range=(0.0, 1.0))
    tensor = TensorSpec("x", "FP32", (1, 4, 4, 3))
    image = np.array([[[[255, 0, 0], [0, 0, 255]]]], np.uint8)
    red, green, blue = [0, 0, 1], [0, 1, 0], [1, 0, 0]
    wanted = [[[green] * 4, [red, red, blue, blue], [red, red, blue, blue], [green] * 4]]
    made, scale, offset = session(build(spec, tensor, True)).run(["tensor", "scale", "offset"], {"image": image})
    np.testing.assert_array_equal(made, np.array(wanted, np.float32))
    np.testing.assert_array_equal([scale, offset], [[2, 2], [0, 1]])
    np.testing.assert_array_equal(apply(spec, tensor, True, image)[0], made)


def test_fractions_are_rounded_for_a_model_of_bytes() -> None:
    """Black and white to four: 63.75 and 191.25 between them."""
    spec = spec_of("tf-bilinear", "stretch", size=(4, 1))
    image = np.array([[[[0] * 3, [255] * 3]]], np.uint8)
    made = session(build(spec, TensorSpec("x", "UINT8", (1, 1, 4, 3)), True)).run(["tensor"], {"image": image})[0]
    assert made[0, 0, :, 0].tolist() == [0, 64, 191, 255]


@pytest.mark.parametrize("datatype", ["FP32", "FP64"])
def test_numbers_are_centred_before_they_are_divided(datatype: str) -> None:
    """Air pressure in Pa: one product and one sum in FP32 would be off by hundredths."""
    spec = Before(kind="tensor", mean=(101325.0, 20.0), std=(5.0, 0.5))
    tensor = TensorSpec("x", datatype, (-1, 2))
    noise = np.random.default_rng(0).normal(size=(50, 2))
    x = (noise * [5, 0.5] + [101325, 20]).astype(DTYPES[datatype])
    wanted, geometry = apply(spec, tensor, False, x)
    made = session(build(spec, tensor, False)).run(["tensor"], {"image": x})[0]
    np.testing.assert_allclose(made, wanted, rtol=2e-7, atol=0)
    assert geometry is None
