"""Which states of cameras a broker has to hold, as cameras come and go."""

from __future__ import annotations

from edge_camera.sinks.mqtt_link import Message
from edge_camera.sinks.mqtt_states import States


def _states(*cameras: str) -> States:
    states = States(lambda camera: f"s/{camera}")
    if cameras:
        states.keep(frozenset(cameras))
    return states


def _of(camera: str) -> Message:
    return Message(topic=f"s/{camera}", payload=b"{}", retain=True)


def test_before_anybody_names_them_every_camera_counts() -> None:
    states = _states()
    assert states.kept("a")
    states.told(_of("a"))
    states.keep(frozenset("b"))
    assert (states.all(), states.gone(), states.kept("a")) == ([_of("a")], [], False)


def test_a_camera_that_went_is_taken_off_until_the_broker_says_so() -> None:
    states = _states("a", "b")
    states.told(_of("a"))
    states.told(_of("b"))
    states.keep(frozenset("a"))
    (empty,) = states.gone()
    assert (empty.topic, empty.payload, empty.retain) == ("s/b", b"", True)
    assert states.all() == [_of("a")]
    # It was under way when the camera went.
    states.told(_of("b"))
    assert states.all() == [_of("a")] and states.gone() == [empty]
    states.told(empty)
    assert states.gone() == [] and not states.kept("b")


def test_a_camera_that_is_back_is_not_taken_off() -> None:
    states = _states("a", "b")
    states.keep(frozenset("a"))
    (empty,) = states.gone()
    states.keep(frozenset("ab"))
    assert states.gone() == [] and states.kept("b")
    states.told(empty)
    states.told(_of("b"))
    assert states.all() == [_of("b")]


def test_what_a_broker_that_is_away_has_to_forget_is_bounded() -> None:
    states = _states("a")
    for number in range(300):
        states.keep(frozenset({f"c{number}"}))
    assert len(states.gone()) == 256 and states.gone()[-1].topic == "s/c298"
