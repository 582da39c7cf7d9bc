"""The motion gate: what moves passes, what stands still does not, and light is no motion for long."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import cv2
import numpy as np
import pytest
from hypothesis import given, settings

from edge_camera.frame import Pixels
from edge_camera.motion import LINGER_S, Motion, MotionGate
from pictures import STRANGE_LOOKS, clip_frames

FPS = 10


def _scene(seconds: float, light: Callable[[float], float] = lambda _: 1.0) -> Iterator[tuple[float, Pixels]]:
    """A room with texture and a sensor's noise, as (time, frame)."""
    rng = np.random.default_rng(0)
    room = cv2.resize(rng.integers(40, 140, (12, 16, 3)).astype(np.float32), (320, 240))
    for index in range(int(seconds * FPS)):
        now = index / FPS
        noise = rng.standard_normal(room.shape, np.float32) * 4
        yield now, np.clip(room * light(now) + noise, 0, 255).astype(np.uint8)


def _with_box(pixels: Pixels, now: float) -> Pixels:
    left = int(now * 60) % 250
    return np.asarray(cv2.rectangle(pixels, (left, 100), (left + 30, 130), (250, 250, 250), cv2.FILLED), np.uint8)


def test_the_first_frame_passes_and_a_still_room_only_at_keep_alive() -> None:
    gate = MotionGate(0.002, keepalive_s=10)
    passed = [now for now, pixels in _scene(32) if gate.admit(pixels, now)]
    assert passed[0] == 0.0
    assert [now for now in passed if now > LINGER_S + 0.05] == pytest.approx([11.0, 21.0, 31.0])


def test_what_moves_passes_and_so_does_the_second_after() -> None:
    gate = MotionGate(0.002, keepalive_s=100)
    passed = set()
    for now, pixels in _scene(20):
        if gate.admit(_with_box(pixels, now) if 5 <= now < 8 else pixels, now):
            passed.add(round(now, 1))
    assert {round(5 + index / FPS, 1) for index in range(30)} <= passed
    # What it hid is seen again: then nothing more for the rest of the time.
    assert {8.0, 8.5} <= passed
    assert max(passed) < 8.0 + LINGER_S + 0.5


def test_too_small_a_motion_is_held_back() -> None:
    gate = MotionGate(0.05, keepalive_s=100)
    passed = [now for now, pixels in _scene(8) if gate.admit(_with_box(pixels, now) if now >= 4 else pixels, now)]
    assert max(passed) <= LINGER_S + 0.05
    assert 0.002 < gate.share < 0.05


@pytest.mark.parametrize("gain", [0.5, 1.6])
def test_a_sudden_light_change_is_no_motion_for_ever(gain: float) -> None:
    gate = MotionGate(0.002, keepalive_s=100)
    passed = [now for now, pixels in _scene(30, lambda now: 1.0 if now < 10 else gain) if gate.admit(pixels, now)]
    assert 10.0 in passed
    assert max(passed) < 16


def test_a_slow_light_change_is_no_motion() -> None:
    gate = MotionGate(0.002, keepalive_s=100)
    passed = [now for now, pixels in _scene(30, lambda now: 0.6 + now / 60) if gate.admit(pixels, now)]
    assert max(passed) <= LINGER_S + 0.05


def test_a_new_resolution_begins_anew_and_passes() -> None:
    gate = MotionGate(0.002, keepalive_s=100)
    frames = list(_scene(6))
    for now, pixels in frames:
        gate.admit(pixels, now)
    small = [np.asarray(cv2.resize(pixels, (160, 120)), np.uint8) for _, pixels in frames]
    passed = [index for index, pixels in enumerate(small) if gate.admit(pixels, 6 + index / FPS)]
    assert passed[0] == 0
    assert max(passed) <= (LINGER_S + 0.05) * FPS


def test_a_running_belt_always_passes() -> None:
    gate = MotionGate(0.002, keepalive_s=10)
    assert all(gate.admit(pixels, index / FPS) for index, pixels in enumerate(clip_frames(100)))


def test_the_frame_is_not_written_to() -> None:
    gate = MotionGate(0.002, keepalive_s=10)
    for now, pixels in _scene(0.5):
        pixels.flags.writeable = False
        before = pixels.copy()
        gate.admit(pixels, now)
        assert (pixels == before).all()


@settings(max_examples=40, deadline=None)
@given(looks=STRANGE_LOOKS)
def test_strange_frames_and_clocks_do_not_raise(looks: list[tuple[tuple[int, ...], int, float]]) -> None:
    gate = MotionGate(0.002, keepalive_s=10)
    for index, (shape, value, now) in enumerate(looks):
        passed = gate.admit(np.full(shape, value, np.uint8), now)
        assert passed or index > 0
        assert 0.0 <= gate.share <= 1.0


@pytest.mark.parametrize(
    ("config", "keys"),
    [
        pytest.param(Motion(), [], id="default"),
        pytest.param(Motion(min_area=0.0), ["motion.min_area"], id="no area"),
        pytest.param(Motion(min_area=1.5), ["motion.min_area"], id="more than the picture"),
        pytest.param(Motion(keepalive_s=0.0), ["motion.keepalive_s"], id="no keep-alive"),
        pytest.param(Motion(min_area=float("nan")), ["motion.min_area"], id="nan"),
    ],
)
def test_faults_name_the_key(config: Motion, keys: list[str]) -> None:
    assert [found[0] for found in config.faults()] == keys
