"""edge-camera analyse: things, scores and gaps are what was spooled, in bounded memory."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edge_camera.client import State
from edge_camera.events import POD, ConfigInfo, Event
from edge_camera.metrics import Reloaded
from edge_camera.tools import counting, things
from edge_camera.tools.analysis import Analysis, analysis, as_text
from edge_camera.tools.canvas import RED
from edge_camera.tools.counting import Counting
from edge_camera.tools.gaps import MAX_GAPS, Gaps
from edge_camera.tools.plot import draw, write_plots
from edge_camera.tools.table import table
from tools_support import SCHEMA, answer, at, event

GAP = timedelta(seconds=30)


def _count(*events: Event) -> tuple[Analysis, Counting]:
    count = Counting(GAP)
    for one in events:
        count.add(one.line())
    count.finish()
    return analysis("spool", count, GAP), count


def _seen(found: Analysis) -> dict[tuple[str, str], int]:
    return {(row.camera, row.label): row.seen for row in found.classes}


def test_a_thing_is_one_however_often_it_is_told() -> None:
    parcel, other = answer("parcel", track="1"), answer("parcel", track="2")
    found, _ = _count(
        event(0, answers=[parcel]), event(1, answers=[parcel, other]), event(2, answers=[other]),
        event(3, answers=[parcel, answer("person", track="3")]), event(1, camera="dock-4", answers=[parcel]),
    )  # fmt: skip
    assert _seen(found) == {("dock-3", "parcel"): 2, ("dock-3", "person"): 1, ("dock-4", "parcel"): 1}
    assert [row.answers for row in found.classes] == [5, 1, 1]


def test_ids_that_begin_anew_with_their_source_are_new_things() -> None:
    frame = event(0).frame
    later = [event(seconds, answers=[answer("parcel", track="1")]) for seconds in (100, 110)]
    again = event(120, answers=[answer("parcel", track="1")], frame=frame)
    found, _ = _count(*later, again)
    assert _seen(found) == {("dock-3", "parcel"): 2}


_ONE, _SEVEN = ("1", 0.5), ("7", 0.9)


@pytest.mark.parametrize(
    ("answers", "want"),
    [
        pytest.param([_ONE, _SEVEN, _SEVEN], "7", id="most-answers-not-the-first"),
        pytest.param([_SEVEN, _ONE, _ONE], "1", id="most-answers-not-the-best"),
        pytest.param([_ONE, _SEVEN], "7", id="tie-second-scores-more"),
        pytest.param([_SEVEN, _ONE], "7", id="tie-first-scores-more"),
        pytest.param([_ONE, ("7", 0.6), _ONE, ("7", 0.3)], "1", id="tie-by-the-sum"),
    ],
)
def test_a_thing_is_what_most_answers_say(answers: list[tuple[str, float]], want: str) -> None:
    told = [event(1799 + number, answers=[answer(*one, track="1")]) for number, one in enumerate(answers)]
    found, _ = _count(*told)
    assert {label: seen for (_, label), seen in _seen(found).items() if seen} == {want: 1}
    # In the hour in which it came, whenever its class was settled.
    assert [(row.hour, row.label, row.seen) for row in found.hours] == [("2026-11-20T21:00Z", want, 1)]
    by_label = {row.label: row.answers for row in found.classes}
    assert by_label == {label: [name for name, _ in answers].count(label) for label in by_label}


def test_things_that_are_given_up_are_counted_once_by_what_was_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(things, "MAX_THINGS", 2)
    told = [[("1", "7")], [("1", "1")], [("1", "1"), ("2", "2")], [("3", "3"), ("4", "4")], [("4", "5"), ("4", "5")]]
    events = [
        event(number, answers=[answer(label, track=track) for track, label in one]) for number, one in enumerate(told)
    ]
    count = Counting(GAP)
    for one in events:
        count.add(one.line())
        assert all(len(camera.things) <= 2 for camera in count.cameras.values())
    count.finish()
    assert _seen(analysis("spool", count, GAP)) == {
        ("dock-3", label): seen for label, seen in {"1": 1, "2": 1, "3": 1, "4": 0, "5": 1, "7": 0}.items()
    }


def test_a_thing_that_wavers_between_many_classes_keeps_the_strongest() -> None:
    labels = ["a", "a", "a", *(f"class-{number}" for number in range(100)), "a", "b", "b"]
    found, _ = _count(event(0, answers=[answer(label, track="1") for label in labels]))
    assert {label: seen for (_, label), seen in _seen(found).items() if seen} == {"a": 1}
    thing = things.Thing(at(0), "a", 0.5)
    for number in range(1000):
        thing.answer(f"class-{number}", 0.5)
    assert len(thing) == things.MAX_LABELS


def test_the_process_itself_is_no_camera_with_gaps() -> None:
    told = event(600, kind="state", camera=POD, config=ConfigInfo(outcome=Reloaded.APPLIED, detail="added dock-4"))
    found, _ = _count(event(0), told, event(10))
    assert ([row.camera for row in found.cameras], found.events, found.pod_events) == (["dock-3"], 3, 1)
    assert found.cameras[0].gap_count == 0
    assert "events of the process itself: 1\n" in as_text(found) and POD not in as_text(found)
    alone, _ = _count(told)
    assert (alone.cameras, as_text(alone)) == ([], "events of the process itself: 1\n\nno gap over 30 s\n")
    assert counting.POD == POD


def test_answers_about_the_whole_frame_count_each_time() -> None:
    found, _ = _count(*(event(seconds, answers=[answer("failure")]) for seconds in range(3)))
    assert _seen(found) == {("dock-3", "failure"): 3}


def test_an_alert_is_no_second_sight_of_the_thing() -> None:
    found, _ = _count(event(0, answers=[answer("person")]), event(0, kind="alert", answers=[answer("person")]))
    assert _seen(found) == {("dock-3", "person"): 1}
    assert found.cameras[0].kinds == {"alert": 1, "detection": 1}


def test_hours_are_those_of_the_frames() -> None:
    found, _ = _count(*(event(seconds, answers=[answer("parcel")]) for seconds in (0, 1799, 1800, 9000)))
    assert [(row.hour, row.seen) for row in found.hours] == [
        ("2026-11-20T21:00Z", 2), ("2026-11-20T22:00Z", 1), ("2026-11-21T00:00Z", 1),
    ]  # fmt: skip


def test_scores_are_those_of_numpy() -> None:
    scores = [float(score) for score in np.random.default_rng(1).uniform(0.3, 1.0, 500)]
    found, count = _count(*(event(number, answers=[answer("a", score)]) for number, score in enumerate(scores)))
    row = found.classes[0]
    want = [np.mean(scores), np.percentile(scores, 50), np.percentile(scores, 95), max(scores)]
    assert [row.mean, row.p50, row.p95, row.max] == pytest.approx(want, abs=1e-4)
    assert count.classes["dock-3", "a"].bins == np.histogram(scores, 20, (0, 1))[0].tolist()


def test_a_failed_question_is_counted_as_such() -> None:
    failed = event(1, state=State.TIMEOUT, model_version=None)
    found, _ = _count(event(0), failed)
    assert found.cameras[0].states == {"ok": 1, "timeout": 1}
    assert found.classes == []


def test_gaps_are_between_frames_up_to_the_spools_end() -> None:
    found, _ = _count(
        event(0), event(30), event(90), event(95), event(94),
        # The clock goes on making summaries; they tell of no frame.
        event(155, kind="summary"), event(200, camera="dock-4"), event(210, camera="dock-4"),
    )  # fmt: skip
    by_camera = {row.camera: row for row in found.cameras}
    assert [(gap.since[11:19], gap.until[11:19], gap.seconds) for gap in by_camera["dock-3"].gaps] == [
        ("21:31:35", "21:33:30", 115.0), ("21:30:30", "21:31:30", 60.0),
    ]  # fmt: skip
    assert (by_camera["dock-3"].gap_count, by_camera["dock-3"].gap_s, by_camera["dock-4"].gap_count) == (2, 175.0, 0)


def test_a_camera_that_never_gave_a_frame_is_one_gap() -> None:
    found, _ = _count(event(0, kind="state"), event(60, kind="summary"), event(120, kind="summary"))
    assert [gap.seconds for gap in found.cameras[0].gaps] == [120.0]


def test_a_clock_set_back_is_counted_and_hides_no_gap() -> None:
    found, _ = _count(event(5000), event(1000), event(1010), event(1100))
    row = found.cameras[0]
    # The end of the spool is its newest time: what the clock said before it was set back.
    assert (row.clock_steps_back, [gap.seconds for gap in row.gaps]) == (1, [3900.0, 90.0])


def test_the_longest_gaps_are_kept_and_all_are_counted() -> None:
    gaps, seconds = Gaps(timedelta(seconds=1), at(0)), 0
    for length in range(2, 302):
        seconds += length
        gaps.told(at(seconds))
    assert (gaps.count, len(gaps.kept)) == (300, MAX_GAPS)
    assert [int(length.total_seconds()) for length, _ in gaps.kept] == list(range(301, 201, -1))


def test_the_words_are_those_of_the_schema() -> None:
    enums = {name: SCHEMA["properties"][name]["enum"] for name in ("kind", "state")}
    assert {"kind": sorted(counting.Kind.__args__), "state": sorted(counting.State.__args__)} == {  # type: ignore[attr-defined]
        name: sorted(words) for name, words in enums.items()
    }


@pytest.mark.parametrize(
    ("bound", "makes"),
    [
        pytest.param("MAX_CAMERAS", lambda n: event(n, camera=f"dock-{n}"), id="cameras"),
        pytest.param("MAX_CLASSES", lambda n: event(n, answers=[answer(f"class-{n}")]), id="classes"),
        pytest.param("MAX_CELLS", lambda n: event(n * 3600, answers=[answer("a")]), id="hours"),
    ],
)
def test_what_is_over_a_bound_is_counted(monkeypatch: pytest.MonkeyPatch, bound: str, makes: Any) -> None:
    monkeypatch.setattr(counting, bound, 5)
    found, count = _count(*(makes(number) for number in range(8)))
    assert found.left_out == 3
    assert max(len(count.cameras), len(count.classes), len(count.hours)) <= 8


@pytest.mark.parametrize(
    "line",
    [b"", b"{}", b"[1]", b"\xff", event(0).line()[:-1], event(0).line().replace(b"detection", b"guess"),
     event(0, answers=[answer("a" * 300)]).line(), event(0).line().replace(b"Z", b""), b"1" * 5000],
    ids=["empty", "no-keys", "array", "no-utf8", "cut", "kind", "long-label", "no-zone", "number"],
)  # fmt: skip
def test_what_is_no_event_is_counted(line: bytes) -> None:
    count = Counting(GAP)
    count.add(line)
    assert (count.events, count.unreadable) == (0, 1)


def test_text_holds_no_terminal_codes_and_lines_up() -> None:
    found, _ = _count(event(0, camera="a\x1b[31m", answers=[answer("红色\n包裹"), answer("parcel")]))
    text = as_text(found)
    assert "\x1b" not in text and "红色\\n包裹" in text
    assert table(("name", "n"), [("ab", 5), ("红", 10)]) == "name   n\nab     5\n红    10\n"
    assert table(("name", "note"), [("a", ""), ("b", "")]) == "name\na\nb\n"


def test_an_empty_spool_is_no_events() -> None:
    found, _ = _count()
    assert (as_text(found), found.cameras) == ("no events\n", [])


def test_plots_show_counts_gaps_and_scores(tmp_path: Path) -> None:
    quiet = [event(seconds, camera="quiet", answers=[]) for seconds in range(0, 7200, 20)]
    busy = [event(seconds, answers=[answer("parcel", 0.97), answer("person", 0.4)]) for seconds in range(0, 3000, 20)]
    found, count = _count(*quiet, *busy, event(7180), event(0, camera="../evil"))
    paths = list(write_plots(tmp_path / "new" / "plots", found, count))
    assert [path.name for path in paths] == ["dock-3.png", "quiet.png"]
    with_gap, without = (cv2.imread(str(path)) for path in paths)
    assert with_gap is not None and without is not None and with_gap.shape == (560, 1000, 3)

    def red(picture: np.ndarray[Any, Any]) -> int:
        return int((picture[274:290, 70:851] == RED).all(axis=2).sum())

    assert red(with_gap) > 1000 and red(without) == 0
    first, second = (
        int((with_gap[70:271, 70:851] == colour).all(axis=2).sum()) for colour in ((0, 159, 230), (233, 180, 86))
    )
    assert first > 1000 and second == pytest.approx(first, rel=0.1), "as many of one class as of the other"


def test_a_plot_of_a_year_is_as_large_as_one_of_an_hour() -> None:
    days = [event(day * 86_400, answers=[answer("parcel")]) for day in range(366)]
    found, count = _count(*days)
    assert draw(found.cameras[0], count).shape == (560, 1000, 3)


def test_the_document_is_json_with_these_keys() -> None:
    import msgspec

    found, _ = _count(event(0, answers=[answer("parcel")]))
    document = json.loads(msgspec.json.encode(found))
    assert document.keys() == {
        "spool", "events", "pod_events", "unreadable", "left_out", "gap_over_s", "cameras", "classes", "hours",
    }  # fmt: skip
