"""What holds for every run of edge-camera in every test: its events are valid, and its frame accounting closes."""

from __future__ import annotations

import json
import subprocess
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

from jsonschema import Draft202012Validator
from prometheus_client.parser import text_string_to_metric_families

SCHEMA = json.loads((Path(__file__).parents[1] / "docs/event.schema.json").read_text())
_VALIDATOR = Draft202012Validator(SCHEMA)
# What a stop, a kill and a wrong config may leave: only the first has written its last figures.
_WELL = 0


def assert_valid(event: dict[str, Any]) -> None:
    """Check one event against docs/event.schema.json, and that nothing is said to be seen or unseen without an answer."""
    _VALIDATOR.validate(event)
    if event["kind"] == "summary":
        told = event["summary"]
        assert told["answered"] or not (told["answers"] or told["scores"]), f"seen without an answer: {event}"
        assert told["sent"] or event["state"] != "ok", f"ok without a question: {event}"
    elif event["state"] != "ok":
        assert (event["answers"], event["model_version"]) == ([], None), f"a failure that says what was seen: {event}"
    elif event["kind"] in {"detection", "alert"}:
        assert event["model_version"] is not None, f"ok, but no model answered: {event}"
        labels = {answer["label"] for answer in event["answers"]}
        assert "alert" not in event or event["alert"]["label"] in labels, f"an alert about nothing seen: {event}"


def events_of(lines: Iterable[str | bytes], once: bool = True) -> list[dict[str, Any]]:
    """Read events, one JSON object a line; every one is checked. None comes twice, or, from a spool, counts twice."""
    events = [json.loads(line) for line in lines]
    for event in events:
        assert_valid(event)
    by_id = {event["id"]: event for event in reversed(events)}
    assert not once or len(by_id) == len(events), f"{len(events) - len(by_id)} events came twice"
    return list(by_id.values())[::-1]


def spools(config: Path | None) -> bool:
    """Return whether a config has a spool: what goes through it comes at least once, not exactly once."""
    return config is not None and config.exists() and "spool" in config.read_text()


def assert_totals_close(camera: str, totals: dict[str, Any]) -> None:
    """Check one camera's totals: of a report, of `/status` after its end, or summed up over its summaries."""
    lost = sum(count for cause, count in totals["lost"].items() if cause != "decode")
    skipped = totals["replaced"] + totals["motion"] + totals["fps"]
    assert totals["captured"] == skipped + totals["sent"], f"{camera}: captured, but neither skipped nor sent: {totals}"
    assert totals["sent"] == totals["answered"] + lost, f"{camera}: sent, but neither answered nor lost: {totals}"


def totals_of(metrics_text: str) -> dict[str, dict[str, Any]]:
    """Return each camera's totals from the text of `/metrics`, in the shape of a report's."""
    totals: dict[str, dict[str, Any]] = defaultdict(lambda: {"lost": {}})
    for family in text_string_to_metric_families(metrics_text):
        for name, labels, value, *_ in family.samples:
            if name == "edge_camera_frames_total":
                totals[labels["camera"]][labels["outcome"]] = int(value)
            elif name == "edge_camera_frames_lost_total":
                totals[labels["camera"]]["lost"][labels["cause"]] = int(value)
            elif name == "edge_camera_frame_age_seconds_count":
                totals[labels["camera"]]["answered"] = int(value)
    return dict(totals)


def assert_books_close(metrics_text: str) -> None:
    """Check the frame accounting of every camera in the text of `/metrics`; exact once a camera has ended."""
    totals = totals_of(metrics_text)
    assert totals, "no camera in these metrics"
    for camera, books in totals.items():
        assert_totals_close(camera, books)


def assert_summaries_close(events: Iterable[dict[str, Any]]) -> None:
    """Check the frame accounting from events alone: all summaries of a run, of removed cameras too."""
    sums: dict[str, dict[str, Any]] = {}
    for event in events:
        if event["kind"] == "summary":
            books = sums.setdefault(event["camera"], {"lost": Counter()})
            for key in ("captured", "replaced", "motion", "fps", "sent", "answered"):
                books[key] = books.get(key, 0) + event["summary"][key]
            books["lost"].update(event["summary"]["lost"])
    for camera, books in sums.items():
        assert_totals_close(camera, books)


class Watched(subprocess.Popen[Any]):
    """A process; when it is edge-camera with a config, its report and what it printed are checked by `audit`."""

    folder: Path
    made: list[Watched]

    def __init__(self, args: Any, *more: Any, **named: Any) -> None:
        words = [str(word) for word in args] if isinstance(args, list | tuple) else [str(args)]
        self.config = next((Path(word) for word in words[1:] if word.endswith(".toml")), None)
        self.program = Path(words[0]).name
        self.report: Path | None = None
        self.printed: list[str | bytes] = []
        if self.program == "edge-camera" and self.config is not None:
            args = [*args, *self._report(words)]
        self.made.append(self)
        super().__init__(args, *more, **named)

    def _report(self, words: list[str]) -> list[str]:
        if "--report" in words:
            self.report = Path(words[words.index("--report") + 1])
            return []
        self.report = self.folder / f"report-{len(self.made)}.json"
        return ["--report", str(self.report)]

    def communicate(self, *more: Any, **named: Any) -> tuple[Any, Any]:
        out, err = super().communicate(*more, **named)
        if self.program == "edge-camera" or (self.program == "edgectl" and "demo" in self.args):  # type: ignore[operator]
            self.printed += (out or b"").splitlines()
        return out, err

    def audit(self) -> None:
        """Check the books of a run that has ended well, and every event whoever printed it."""
        spooled = spools(self.config)
        events = events_of((line for line in self.printed if line.strip()[:1] in (b"{", "{")), once=not spooled)
        if self.returncode != _WELL:
            return
        if self.report is not None:
            cameras = json.loads(self.report.read_text())["cameras"]
            assert cameras, "a run without a camera"
            for camera, totals in cameras.items():
                assert_totals_close(camera, totals)
        # What a spool brings from a run before may lack the summaries that went out then.
        if not spooled:
            assert_summaries_close(events)


@contextmanager
def audited(folder: Path) -> Iterator[None]:
    """Audit every edge-camera that is started within, and let none outlive it."""
    made: list[Watched] = []
    kind = type("Watched", (Watched,), {"folder": folder, "made": made})
    with mock.patch.object(subprocess, "Popen", kind):
        yield
    running = [process for process in made if process.poll() is None]
    for process in running:
        process.kill()
        process.wait(10)
    assert not running, f"left running: {[process.args for process in running]}"
    for process in made:
        process.audit()
