"""The demo's scoring, verdict, ports and children."""

from __future__ import annotations

import os
import signal
import socket
import sys
from pathlib import Path

import pytest
from rich.console import Console

from edge_common.errors import StartError
from edgectl.demo.plan import Plan, Ports
from edgectl.demo.ports import holder, is_free, pick
from edgectl.demo.processes import ChildFailed, Children, child_environment, program
from edgectl.demo.pump import read_samples
from edgectl.demo.report import Spread, Totals, faults, read_totals, table
from edgectl.demo.score import Answered, Found, Score, Thing, iou, match, read_answers, read_truth, score

BOX = (10.0, 10.0, 50.0, 50.0)
NEAR = (12.0, 10.0, 52.0, 50.0)
FAR = (100.0, 10.0, 140.0, 50.0)


def test_iou() -> None:
    assert iou(BOX, BOX) == 1.0
    assert iou(BOX, FAR) == 0.0
    assert iou((0, 0, 2, 2), (1, 0, 3, 2)) == pytest.approx(1 / 3)
    assert iou((5, 5, 5, 5), (0, 0, 9, 9)) == 0.0


@pytest.mark.parametrize(
    ("answers", "things", "expected"),
    [
        pytest.param([], [], (0, 0, 0), id="nothing there, nothing said"),
        pytest.param([Found("3", 0.9, NEAR)], [Thing("3", BOX)], (1, 0, 0), id="found"),
        pytest.param([Found("5", 0.9, NEAR)], [Thing("3", BOX)], (0, 1, 1), id="wrong label"),
        pytest.param([Found("3", 0.9, FAR)], [Thing("3", BOX)], (0, 1, 1), id="wrong place"),
        pytest.param([], [Thing("3", BOX)], (0, 0, 1), id="missed"),
        pytest.param([Found("3", 0.9, NEAR)] * 2, [Thing("3", BOX)], (1, 1, 0), id="said twice"),
        pytest.param([], [Thing("3", BOX, True)], (0, 0, 0), id="an ignored one may be missed"),
        pytest.param([Found("8", 0.9, BOX)], [Thing("3", BOX, True)], (0, 0, 0), id="or said, as anything"),
        pytest.param(
            [Found("3", 0.9, BOX)], [Thing("3", BOX, True), Thing("3", NEAR)], (1, 0, 0), id="a real one goes first"
        ),
        pytest.param(
            [Found("3", 0.5, BOX), Found("3", 0.9, NEAR)],
            [Thing("3", NEAR), Thing("3", BOX)],
            (2, 0, 0),
            id="each its own",
        ),
    ],
)
def test_match(answers: list[Found], things: list[Thing], expected: tuple[int, int, int]) -> None:
    assert match(answers, things) == expected


def test_a_lost_frame_s_objects_are_missed() -> None:
    answered = [Answered(0, "ok", [Found("3", 0.9, BOX)]), Answered(1, "timeout", [])]
    result = score(answered, {0: [Thing("3", BOX)], 1: [Thing("3", BOX)], 2: [Thing("3", BOX)]})
    assert result == Score(frames=2, hits=1, false_alarms=0, missed=1)
    assert (result.precision, result.recall) == (1.0, 0.5)
    assert Score(0, 0, 0, 0).recall == 0.0


def test_files_are_read(tmp_path: Path) -> None:
    truth = tmp_path / "belt.truth.jsonl"
    truth.write_text('{"seq": 4, "objects": [{"label": "3", "box": [1, 2, 3, 4], "ignore": true, "id": 7}]}\n')
    assert read_truth(truth) == {4: [Thing("3", (1.0, 2.0, 3.0, 4.0), True)]}
    answers = tmp_path / "answers.jsonl"
    answers.write_text(
        '{"camera":"a","seq":2,"state":"ok","age_ms":3.0,"answers":[{"label":"1","score":0.5,"box":[1,2,3,4]}]}\n'
    )
    assert read_answers(answers) == [Answered(2, "ok", [Found("1", 0.5, (1.0, 2.0, 3.0, 4.0))])]


@pytest.mark.parametrize("text", ["{}", "not json", '{"seq": 1, "objects": [{"label": "3"}]}'])
def test_a_broken_truth_line_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "truth.jsonl"
    path.write_text('{"seq": 0, "objects": []}\n' + text + "\n")
    with pytest.raises(StartError, match=r"truth\.jsonl: line 2: "):
        read_truth(path)


def _totals(**lost: int) -> Totals:
    causes = {"stale": 0, "decode": 0, "timeout": 0, "rejected": 0, "error": 0, **lost}
    spread = Spread(1.0, 2.0, 3.0)
    return Totals(10, 0, 0, 10, 10 - sum(lost.values()), causes, spread, spread)


@pytest.mark.parametrize(
    ("totals", "result", "words"),
    [
        pytest.param(_totals(), Score(10, 9, 0, 1), [], id="well"),
        pytest.param(_totals(), None, [], id="no truth in an endless run"),
        pytest.param(_totals(timeout=1), Score(10, 9, 0, 1), [], id="a tenth may be late"),
        pytest.param(
            _totals(stale=1, timeout=1),
            Score(10, 9, 0, 1),
            ["2 of 10 frames sent were lost to timeout or stale: more than 10%, overloaded"],
            id="more than a tenth late",
        ),
        pytest.param(_totals(rejected=1), None, ["1 frames lost: rejected"], id="rejected"),
        pytest.param(_totals(decode=1), None, ["1 frames lost: decode"], id="decode"),
        pytest.param(_totals(error=2), Score(10, 9, 0, 1), ["2 frames lost: error"], id="errors"),
        pytest.param(_totals(), Score(10, 7, 0, 3), ["recall 0.700 is below 0.8"], id="recall"),
        pytest.param(
            _totals(stale=10),
            None,
            [
                "10 of 10 frames sent were lost to timeout or stale: more than 10%, overloaded",
                "no frame was answered",
            ],
            id="nothing answered",
        ),
    ],
)
def test_verdict(totals: Totals, result: Score | None, words: list[str]) -> None:
    assert list(faults(totals, result)) == words


@pytest.mark.parametrize(
    ("failures", "verdict"), [([], "passed"), (["recall 0.700 is below 0.8", "x"], "failed: 2 below")]
)
def test_table_shows_the_figures_and_the_verdict_with_its_rule(failures: list[str], verdict: str) -> None:
    console = Console(width=100, record=True, file=open(os.devnull, "w"))  # noqa: PTH123, SIM115
    with console.file:
        console.print(table(_totals(timeout=1), Score(9, 8, 1, 1), {"edge-camera": 81.4}, "5 of 5", failures))
    text = " ".join(console.export_text().split())
    for words in ("timeout 1", "1.0 / 2.0 / 3.0 ms", "0.889 / 0.889", "81 MB", "5 of 5", f"verdict │ {verdict}"):
        assert words in text
    assert "1 missed in 9 frames sent" in text
    for words in ("over every object of each frame sent, answered or not", "at most 10% of those sent are lost to"):
        assert words in text


def test_totals_are_what_the_camera_writes(tmp_path: Path) -> None:
    path = tmp_path / "totals.json"
    path.write_text(
        '{"cameras":{"belt":{"captured":3,"replaced":0,"fps":0,"sent":3,"answered":3,"lost":{"error":0},'
        '"frame_age_ms":{"p50":null,"p95":null,"p99":null},"inference_ms":{"p50":1,"p95":2,"p99":3}}}}'
    )
    totals = read_totals(path, "belt")
    assert (totals.captured, str(totals.frame_age_ms), totals.inference_ms.p99) == (3, "– / – / – ms", 3.0)


def test_a_taken_port_is_named_with_its_holder_and_replaced() -> None:
    said: list[str] = []
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen(1)
        port = other.getsockname()[1]
        assert not is_free(port)
        assert str(os.getpid()) in holder(port)
        taken: set[int] = set()
        instead = pick(port, taken, said.append)
        assert instead != port
        assert pick(instead, taken, said.append) != instead
        assert pick(0, taken, said.append) > 0
        assert len(taken) == 3
    assert [f"port {port} is taken by" in said[0], "asked for twice" in said[1], len(said)] == [True, True, 2]


def test_ports_are_settled_together() -> None:
    ports = Ports(belt=0, belt_metrics=0, pump=0, pump_metrics=0, camera=0, camera_metrics=0).settled(print)
    assert len({getattr(ports, name) for name in ports.__slots__} - {0}) == 6


def test_a_plan_names_the_first_missing_file(tmp_path: Path) -> None:
    ports = Ports(belt=1, belt_metrics=2, pump=3, pump_metrics=4, camera=5, camera_metrics=6)
    plan = Plan(models=tmp_path, ports=ports, forever=True)
    with pytest.raises(StartError, match=r"belt-detector/model\.toml: no such file"):
        plan.check()
    assert "loop = true" in plan.camera_config()


def test_children_are_watched_measured_and_stopped(tmp_path: Path) -> None:
    children = Children(tmp_path)
    ready = "import signal, sys\nprint('up', flush=True)\nsignal.pause()"
    child = children.start("sleeper", [sys.executable, "-c", ready], piped=True)
    assert child.process.stdout is not None
    assert child.process.stdout.readline() == b"up\n"
    child.check()
    child.measure()
    assert 1 < child.pss_mb < 100
    (line,) = children.close()
    child.process.stdout.close()
    assert "sleeper stopped with exit code -15" in line
    assert child.process.returncode == -signal.SIGTERM


def test_a_dead_child_is_reported_with_its_last_words(tmp_path: Path) -> None:
    children = Children(tmp_path)
    child = children.start("broken", [sys.executable, "-c", "import sys; sys.exit('the disk is full')"])
    child.process.wait(10)
    with pytest.raises(ChildFailed, match=r"broken ended with exit code 1\n {4}the disk is full"):
        child.check()
    assert children.close() == []


def test_children_see_no_setting_of_ours() -> None:
    assert child_environment({"EDGE_PORT": "1", "PATH": "/bin"}) == {"PATH": "/bin"}


def test_a_program_that_is_not_installed() -> None:
    assert Path(program("edge-camera")).is_file()
    with pytest.raises(StartError, match="not installed"):
        program("edge-nothing")


def test_samples_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(StartError, match=r"samples\.json"):
        read_samples(tmp_path / "samples.json")
