"""Picture health on the real clip: sharp, smeared, dark, black and frozen pictures are told apart, without flapping."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_camera.frame import Pixels
from edge_camera.health import HealthConfig, Look, PictureHealth
from pictures import STRANGE_LOOKS, clip_frames

CONFIG = HealthConfig()
STEP = 0.5


@pytest.fixture(scope="module")
def clip() -> list[Pixels]:
    return list(clip_frames(12))


def _noisy(picture: Pixels | float, sigma: float, seed: int) -> Pixels:
    noise = np.random.default_rng(seed).standard_normal((480, 640, 3), np.float32) * sigma
    noisy: Pixels = np.clip(noise + picture, 0, 255).astype(np.uint8)
    return noisy


def _watch(health: PictureHealth, frames: list[Pixels], start: float = 0.0) -> list[Look]:
    return [health.look(pixels, start + index * STEP).state for index, pixels in enumerate(frames)]


def _smeared(pixels: Pixels) -> Pixels:
    return np.asarray(cv2.GaussianBlur(pixels, (41, 41), 0), np.uint8)


def test_the_clip_is_ok_and_its_figures_are_those_of_the_docstring(clip: list[Pixels]) -> None:
    health = PictureHealth(CONFIG)
    assert set(_watch(health, clip)) == {Look.OK}
    found = health.look(clip[0], 100.0)
    assert 73 <= found.luminance <= 93
    assert 1035 <= found.sharpness <= 1487


@pytest.mark.parametrize("gain", [0.5, 0.25, 0.15])
def test_bad_light_alone_is_no_fault(clip: list[Pixels], gain: float) -> None:
    frames = [(pixels * gain).astype(np.uint8) for pixels in clip]
    assert set(_watch(PictureHealth(CONFIG), frames)) == {Look.OK}


def test_a_smeared_lens_is_blurred(clip: list[Pixels]) -> None:
    health = PictureHealth(CONFIG)
    assert _watch(health, [_smeared(pixels) for pixels in clip])[-1] is Look.BLURRED
    assert health.look(_smeared(clip[0]), 100.0).sharpness < 50


@pytest.mark.parametrize("sigma", [0.5, 3.0])
def test_something_grey_before_the_lens_is_blurred(sigma: float) -> None:
    frames = [_noisy(80, sigma, seed) for seed in range(8)]
    assert _watch(PictureHealth(CONFIG), frames)[-1] is Look.BLURRED


@pytest.mark.parametrize(("level", "sigma"), [(0, 0.0), (0, 2.0), (2, 5.0), (5, 3.0)])
def test_a_covered_lens_is_black_with_noise_and_without(level: float, sigma: float) -> None:
    frames = [_noisy(level, sigma, seed) for seed in range(40)]
    assert _watch(PictureHealth(CONFIG), frames)[-1] is Look.BLACK


def test_identical_frames_are_frozen_after_the_time_and_not_before(clip: list[Pixels]) -> None:
    health = PictureHealth(CONFIG)
    states = _watch(health, [clip[0]] * 30)
    # The second look is the first that can be compared as a whole.
    assert states.index(Look.FROZEN) * STEP == CONFIG.frozen_after_s + STEP
    assert set(states[states.index(Look.FROZEN) :]) == {Look.FROZEN}
    assert _watch(health, clip * 2, 15.0)[-1] is Look.OK


def test_a_static_scene_with_noise_is_not_frozen(clip: list[Pixels]) -> None:
    still = [_noisy(clip[0], 0.6, seed) for seed in range(40)]
    assert set(_watch(PictureHealth(CONFIG), still)) == {Look.OK}


def test_one_pixel_is_a_sign_of_life(clip: list[Pixels]) -> None:
    frames = []
    for index in range(60):
        pixels = clip[0].copy()
        pixels[0, 0, 0] = index
        frames.append(pixels)
    assert set(_watch(PictureHealth(CONFIG), frames)) == {Look.OK}


def test_a_frozen_picture_is_found_though_the_frames_share_one_memory(clip: list[Pixels]) -> None:
    health, slot = PictureHealth(CONFIG), np.empty_like(clip[0])
    states = []
    for index in range(60):
        slot[:] = clip[0]
        slot[0, 0, 0] = index
        states.append(health.look(slot, index * STEP).state)
    assert set(states) == {Look.OK}


def test_looks_are_limited_to_the_rate(clip: list[Pixels]) -> None:
    health = PictureHealth(CONFIG)
    first = health.look(clip[0], 0.0)
    assert health.look(np.zeros_like(clip[0]), 0.4) is first
    assert health.look(np.zeros_like(clip[0]), 0.5).luminance == 0.0


def test_a_short_cover_changes_nothing_and_a_long_one_is_left_after_the_hold(clip: list[Pixels]) -> None:
    health, black = PictureHealth(CONFIG), np.zeros_like(clip[0])
    assert set(_watch(health, [clip[0], *[black] * 5, *clip])) == {Look.OK}
    states = _watch(health, [*[black] * 8, *clip], 20.0)
    changes = [index * STEP for index in range(1, len(states)) if states[index] is not states[index - 1]]
    # The first black look may be the one after a gap of any length: it proves half the hold at most.
    assert len(changes) == 2
    assert CONFIG.hold_s / 2 <= changes[0] <= CONFIG.hold_s
    assert changes[1] == 8 * STEP + CONFIG.hold_s - STEP


def test_a_camera_that_was_away_is_not_judged_by_its_first_picture(clip: list[Pixels]) -> None:
    health = PictureHealth(CONFIG)
    health.look(clip[0], 0.0)
    assert health.look(np.zeros_like(clip[0]), 3600.0).state is Look.OK


def test_zero_turns_a_check_off(clip: list[Pixels]) -> None:
    off = HealthConfig(black_below=0.0, blurred_below=0.0)
    assert set(_watch(PictureHealth(off), [_noisy(1, 2.0, seed) for seed in range(12)])) == {Look.OK}


@settings(max_examples=60, deadline=None)
@given(bad=st.lists(st.sampled_from(["ok", "black", "blurred"]), min_size=2, max_size=60))
def test_states_do_not_flap(bad: list[str]) -> None:
    """Between two changes there is always the hold, whatever the pictures do."""
    rng = np.random.default_rng(1)
    sharp = rng.integers(0, 255, (24, 32, 3)).astype(np.uint8)
    pictures = {"ok": sharp, "black": sharp // 50, "blurred": sharp // 50 + 90}
    health = PictureHealth(HealthConfig(frozen_after_s=3600))
    states = [health.look(pictures[name], index * STEP).state for index, name in enumerate(bad)]
    changes = [index for index in range(1, len(states)) if states[index] is not states[index - 1]]
    assert all((b - a) * STEP >= CONFIG.hold_s for a, b in zip([0, *changes], changes, strict=False))
    # And a picture that lasts is told in the end.
    if len(set(bad[-8:])) == 1 and len(bad) >= 8:
        assert states[-1].value == bad[-1]


@settings(max_examples=40, deadline=None)
@given(looks=STRANGE_LOOKS)
def test_strange_frames_and_clocks_do_not_raise(looks: list[tuple[tuple[int, ...], int, float]]) -> None:
    health = PictureHealth(CONFIG)
    for shape, value, now in looks:
        found = health.look(np.full(shape, value, np.uint8), now)
        assert 0.0 <= found.luminance <= 255.0
        assert found.sharpness >= 0.0


@pytest.mark.parametrize(
    ("config", "keys"),
    [
        pytest.param(HealthConfig(), [], id="default"),
        pytest.param(HealthConfig(black_below=300.0), ["health.black_below"], id="brighter than white"),
        pytest.param(HealthConfig(blurred_below=-1.0), ["health.blurred_below"], id="negative"),
        pytest.param(HealthConfig(frozen_after_s=0.0), ["health.frozen_after_s"], id="frozen at once"),
        pytest.param(HealthConfig(hold_s=-1.0), ["health.hold_s"], id="negative hold"),
        pytest.param(HealthConfig(look_fps=0.0), ["health.look_fps"], id="never looks"),
    ],
)
def test_faults_name_the_key(config: HealthConfig, keys: list[str]) -> None:
    assert [found[0] for found in config.faults()] == keys
