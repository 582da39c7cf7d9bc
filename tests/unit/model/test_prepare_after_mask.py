"""Scores a pixel to a class a pixel of the frame that was sent: the graph equals numpy, and OpenCV where it can."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_common.tensors import Array
from edgectl.model.prepare.after.reference_mask import smoothed
from edgectl.model.prepare.after.spec import After, Mask
from edgectl.model.prepare.geometry import Geometry
from model_graphs_after import answered, check, geometries, pair

# A mask a quarter of the model's input of 64 x 48.
WIDTH, HEIGHT = 16, 12
MANY, ONE = 5, 1


def blobs(seed: int, channels: int, height: int, width: int) -> Array:
    """Logits [1, channels, h, w] that are smooth, as a network's are."""
    coarse = np.random.default_rng(seed).normal(0, 3, (channels, 4, 5)).astype(np.float32)
    return np.stack([cv2.resize(channel, (width, height), interpolation=cv2.INTER_CUBIC) for channel in coarse])[None]


CASES = {
    "many": (Mask(), MANY, np.float32),
    "many-nhwc": (Mask(layout="nhwc"), MANY, np.float64),
    "one": (Mask(activation="sigmoid", threshold=0.4), ONE, np.float32),
    "one-raw": (Mask(threshold=0), ONE, np.float16),
    "map": (Mask(layout="map"), 0, np.int64),
}
LINEAR = {
    "many": (Mask(resize="linear"), MANY),
    "one": (Mask(resize="linear", activation="sigmoid"), ONE),
    "many-nhwc": (Mask(resize="linear", layout="nhwc"), MANY),
}


def made(operation: Mask, channels: int, dtype: type, seed: int) -> tuple[dict[str, Array], tuple[int, ...]]:
    """Return the model's output and its declared shape, extents free."""
    scores = blobs(seed, max(channels, 3), HEIGHT, WIDTH)[:, : channels or 3]
    if operation.layout == "map":
        return {"m": scores.argmax(1).astype(dtype)}, (-1, -1, -1)
    if operation.layout == "nhwc":
        return {"m": np.ascontiguousarray(scores.transpose(0, 2, 3, 1)).astype(dtype)}, (-1, -1, -1, channels)
    return {"m": scores.astype(dtype)}, (-1, channels, -1, -1)


@settings(max_examples=60, deadline=None)
@given(
    case=st.sampled_from(sorted(CASES)),
    seed=st.integers(0, 2**32 - 1),
    geometry=st.none() | geometries(),
)
def test_nearest_equals_the_reference(case: str, seed: int, geometry: Geometry | None) -> None:
    """Every pixel; but through a sigmoid, where a share within 1e-6 of the threshold may fall on either side."""
    operation, channels, dtype = CASES[case]
    outputs, shape = made(operation, channels, dtype, seed)
    if operation.activation == "sigmoid":
        edge = np.log(operation.threshold / (1 - operation.threshold))
        outputs["m"][np.abs(outputs["m"] - edge) < 1e-5] = 0
    found, want = answered(After(mask=operation), outputs, (), geometry, {"m": shape})
    for answers in found:
        check(answers, want)
    if geometry is not None:
        assert want["mask"].shape == (1, *geometry.frame[::-1])


@settings(max_examples=30, deadline=None)
@given(case=st.sampled_from(sorted(LINEAR)), seed=st.integers(0, 2**32 - 1), geometry=geometries())
def test_linear_equals_the_reference(case: str, seed: int, geometry: Geometry) -> None:
    """Every pixel, but where two classes are within 2e-3 of each other: logits of some ten, by float32 places."""
    operation, channels = LINEAR[case]
    outputs, shape = made(operation, channels, np.float32, seed)
    found, want = answered(After(mask=operation), outputs, (), geometry, {"m": shape})
    scores = np.sort(smoothed(operation, outputs["m"], geometry), 0)
    lead = scores[-1] - (scores[-2] if channels > 1 else operation.threshold)
    for answers in found:
        assert answers["mask"].dtype == np.uint8
        np.testing.assert_array_equal(answers["mask"][0][np.abs(lead) > 2e-3], want["mask"][0][np.abs(lead) > 2e-3])


@pytest.mark.parametrize(
    ("resize", "way"),
    [
        pytest.param("nearest", cv2.INTER_NEAREST_EXACT, id="nearest"),
        pytest.param("linear", cv2.INTER_LINEAR, id="linear"),
    ],
)
def test_a_stretched_frame_as_opencv_does_it(resize: str, way: int) -> None:
    scores = blobs(7, MANY, 48, 64)
    geometry = Geometry(pair(64 / 201, 48 / 133), pair(0, 0), pair(201, 133), pair(64, 48))
    found, want = answered(After(mask=Mask(resize=resize)), {"m": scores}, (), geometry)  # type: ignore[arg-type]
    if resize == "nearest":
        opencv = cv2.resize(scores[0].argmax(0).astype(np.uint8), (201, 133), interpolation=way)
    else:
        opencv = np.stack([cv2.resize(channel, (201, 133), interpolation=way) for channel in scores[0]]).argmax(0)
    for answers in (*found, want):
        assert np.mean(answers["mask"][0] != opencv) < 0.001


@pytest.mark.parametrize("frame", [(18, 14), (19, 14), (16, 12), (1, 14)], ids=str)
def test_a_frame_of_the_mask_s_own_extents(frame: tuple[int, int]) -> None:
    """ONNX Runtime's Resize does not look at the place where in and out are of the same extent: 16 + 2 and 12 + 2."""
    scores = blobs(3, MANY, HEIGHT, WIDTH)
    geometry = Geometry(pair(60 / frame[0], 40 / frame[1]), pair(2, 4), pair(*frame), pair(64, 48))
    found, want = answered(After(mask=Mask(resize="linear")), {"m": scores}, (), geometry)
    for answers in found:
        check(answers, want)


def test_a_letterbox_is_undone() -> None:
    """A frame of 8 x 4 in an input of 4 x 4 at half scale, a bar of one pixel above and below; the bars are class 2."""
    scores = np.zeros((1, 3, 4, 4), np.float32)
    scores[0, 2, [0, 3]] = 9
    scores[0, 1, 1:3, 2:] = 9
    geometry = Geometry(pair(0.5, 0.5), pair(0, 1), pair(8, 4), pair(4, 4))
    found, want = answered(After(mask=Mask()), {"m": scores}, ("floor", "dirt", "bar"), geometry)
    for answers in (*found, want):
        assert answers["mask"].tolist() == [[[0, 0, 0, 0, 1, 1, 1, 1]] * 4]


@pytest.mark.parametrize("resize", ["nearest", "linear"])
def test_what_a_crop_cut_off_is_class_0(resize: str) -> None:
    scores = np.zeros((1, 2, 4, 4), np.float32)
    scores[0, 1] = 1
    geometry = Geometry(pair(1, 1), pair(-2, 0), pair(8, 4), pair(4, 4))
    found, want = answered(After(mask=Mask(resize=resize)), {"m": scores}, (), geometry)  # type: ignore[arg-type]
    for answers in (*found, want):
        assert answers["mask"].tolist() == [[[0, 0, 1, 1, 1, 1, 0, 0]] * 4]
