"""Masks: every pixel that a polygon touches is black, and no other is changed."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from edge_camera.mask import MAX_CORNERS, MAX_POLYGONS, Mask, faults

Points = npt.NDArray[np.float64]

_SHARE = st.floats(0.0, 1.0)
_POLYGON = st.lists(st.tuples(_SHARE, _SHARE), min_size=3, max_size=7)
_SIZE = st.tuples(st.integers(1, 40), st.integers(1, 40))

LEFT_FIFTH = [[0.0, 0.0], [0.2, 0.0], [0.2, 1.0], [0.0, 1.0]]


def _corners(polygon: list[tuple[float, float]], height: int, width: int) -> Points:
    return np.array(polygon, np.float64) * (width, height)


def _centres(height: int, width: int) -> Points:
    rows, columns = np.mgrid[0:height, 0:width]
    return np.stack([columns + 0.5, rows + 0.5], axis=-1).reshape(-1, 2)


def _distance(points: Points, corners: Points) -> Points:
    """From each point to the polygon's nearest edge."""
    best = np.full(len(points), np.inf)
    for start, end in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        along = end - start
        length = float(along @ along)
        place = np.clip((points - start) @ along / length, 0, 1) if length > 0 else np.zeros(len(points))
        best = np.minimum(best, np.hypot(*(points - start - place[:, None] * along).T))
    return best


def _inside(points: Points, corners: Points) -> npt.NDArray[np.bool_]:
    """Whether the edges go round a point, by the sum of the angles under which it sees them."""
    total = np.zeros(len(points))
    for start, end in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        a, b = start - points, end - points
        total += np.arctan2(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0], (a * b).sum(axis=1))
    return np.abs(total) > math.pi


@given(polygon=_POLYGON, size=_SIZE)
@example(polygon=[(0.1, 0.1), (0.9, 0.9), (0.9, 0.1), (0.1, 0.9)], size=(30, 20))
@example(polygon=[(0.5, 0.0), (0.8, 1.0), (0.0, 0.4), (1.0, 0.4), (0.2, 1.0)], size=(40, 40))
@example(polygon=[(1.0, 1.0), (1.0, 0.0), (0.999, 0.5)], size=(40, 40))
def test_every_pixel_inside_is_black_and_far_ones_are_untouched(
    polygon: list[tuple[float, float]], size: tuple[int, int]
) -> None:
    height, width = size
    pixels = np.full((height, width, 3), 200, np.uint8)
    black = (Mask([polygon]).apply(pixels) == 0).all(axis=2).ravel()
    centres, corners = _centres(height, width), _corners(polygon, height, width)
    distance, inside = _distance(centres, corners), _inside(centres, corners)
    # Angles say nothing right on an edge; the next test is about edges.
    assert black[inside & (distance > 1e-6)].all()
    assert not black[~inside & (distance > 1.5)].any()
    assert (pixels == 200).all()


@given(polygon=_POLYGON, size=_SIZE, place=_SHARE)
def test_a_pixel_that_only_an_edge_touches_is_black(
    polygon: list[tuple[float, float]], size: tuple[int, int], place: float
) -> None:
    height, width = size
    masked = Mask([polygon]).apply(np.full((height, width, 3), 200, np.uint8))
    corners = _corners(polygon, height, width)
    for start, end in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        x, y = start + place * (end - start)
        near = [
            masked[min(int(v), height - 1), min(int(u), width - 1)].max()
            for u, v in ((x, y), (max(0.0, x - 1e-9), max(0.0, y - 1e-9)))
        ]
        # On the seam of two pixels rounding may choose either.
        assert min(near) == 0


def test_a_masked_half_is_exact() -> None:
    pixels = np.full((48, 64, 3), 255, np.uint8)
    masked = Mask([[[0.0, 0.0], [0.49, 0.0], [0.49, 1.0], [0.0, 1.0]]]).apply(pixels)
    assert not masked[:, :32].any()
    assert (masked[:, 32:] == 255).all()


def test_a_crossed_polygon_has_no_hole_and_two_polygons_add() -> None:
    star = [[0.5, 0.0], [0.8, 1.0], [0.0, 0.4], [1.0, 0.4], [0.2, 1.0]]
    masked = Mask([star, LEFT_FIFTH]).apply(np.full((100, 100, 3), 255, np.uint8))
    assert not masked[50, 50].any()
    assert not masked[5, 5].any()
    assert masked[5, 95].all()


def test_without_polygons_the_frame_itself_comes_back() -> None:
    pixels = np.ones((4, 4, 3), np.uint8)
    assert Mask([]).apply(pixels) is pixels


def test_the_frame_itself_is_left_as_it_is() -> None:
    pixels = np.full((10, 10, 3), 9, np.uint8)
    assert not Mask([LEFT_FIFTH]).apply(pixels)[:, :2].any()
    assert (pixels == 9).all()


def test_the_mask_follows_a_change_of_resolution() -> None:
    mask = Mask([LEFT_FIFTH])
    for height, width in ((10, 10), (20, 50), (10, 10)):
        masked = mask.apply(np.full((height, width, 3), 7, np.uint8))
        assert not masked[:, : width // 5].any()
        assert (masked[:, width // 5 + 1 :] == 7).all()


@settings(max_examples=30)
@given(shape=st.sampled_from([(1, 1, 3), (1, 1), (7, 5), (7, 5, 1), (7, 5, 4), (1, 3000, 3), (3000, 1), (0, 5, 3)]))
def test_strange_frames_are_masked_too(shape: tuple[int, ...]) -> None:
    masked = Mask([[[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]]).apply(np.full(shape, 9, np.uint8))
    assert masked.shape == shape
    assert not masked.any()


@pytest.mark.parametrize(
    ("polygons", "key"),
    [
        pytest.param([[[0, 0], [1, 0]]], "mask[0]", id="two corners"),
        pytest.param([LEFT_FIFTH, []], "mask[1]", id="no corner"),
        pytest.param([[[0, 0], [1.2, 0], [1, 1]]], "mask[0][1]", id="right of the picture"),
        pytest.param([[[0, 0], [1, 0], [1, -0.1]]], "mask[0][2]", id="above the picture"),
        pytest.param([[[0, 0], [1, 0], [math.nan, 1]]], "mask[0][2]", id="nan"),
        pytest.param([[[0, 0], [1, 0], [1]]], "mask[0][2]", id="one number"),
        pytest.param([LEFT_FIFTH] * (MAX_POLYGONS + 1), "mask", id="too many polygons"),
        pytest.param([[[0.5, 0.5]] * (MAX_CORNERS + 1)], "mask[0]", id="too many corners"),
    ],
)
def test_faults_name_the_key(polygons: list[list[list[float]]], key: str) -> None:
    assert [found[0] for found in faults(polygons)] == [key]


def test_a_good_mask_has_no_fault() -> None:
    assert faults([LEFT_FIFTH, [[0, 0], [1, 0], [1, 1]]]) == []
