"""The rows as tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.table import Table
from rich.text import Text

from edgectl.cluster.pods import CAMERAS, CANDIDATE
from edgectl.status.quantity import ago, mib
from edgectl.status.rows import Rollout, Row, Use

_MODELS = (
    "release",
    "model",
    "version",
    "image",
    "ready",
    "restarts",
    "calls/s",
    "p95",
    "cpu",
    "MiB",
    "rollout",
    "decided",
)
# What a narrow terminal does without, the first of them first; what is not here is never left out or shortened.
_MODELS_SPARE = ("image", "MiB", "cpu", "model", "rollout", "restarts", "decided", "calls/s", "p95")
_CAMERAS_SPARE = ("MiB", "cpu", "rollout", "restarts", "answers/s", "age p95")
_CAMERAS = ("release", "camera", "state", "answers/s", "age p95", "ready", "restarts", "cpu", "MiB", "rollout")

_NUMBERS = ("calls/s", "answers/s", "restarts")
_ENOUGH = 10_000


def tables(rows: Sequence[Row], notes: Sequence[str], now: datetime, *, namespaces: bool) -> Group:
    """Return all that `edgectl status` shows; `namespaces` names them, for -A."""
    models = [row for row in rows if row.track != CAMERAS]
    cameras = [row for row in rows if row.track == CAMERAS]
    shown: list[Fitting | Text] = []
    if models:
        shown.append(Fitting(_MODELS, _MODELS_SPARE, [_model(row, now, namespaces) for row in models]))
    if cameras:
        shown.append(
            Fitting(_CAMERAS, _CAMERAS_SPARE, [line for row in cameras for line in _cameras(row, now, namespaces)])
        )
    shown += [Text(f"{_name(row, namespaces)}: {each}", "red") for row in rows for each in row.trouble]
    shown += [Text(each, "yellow") for row in rows if (each := _refused(row, namespaces))]
    shown += [Text(note, "dim") for note in notes]
    return Group(*shown)


@dataclass(frozen=True, slots=True)
class Fitting:
    """A table that leaves columns out, the first of `spare` first, until it fits the terminal."""

    columns: Sequence[str]
    spare: Sequence[str]
    lines: Sequence[Sequence[Text]]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        left: list[str] = []
        for column in (*self.spare, ""):
            shown = self._without(left)
            if console.measure(shown, options=options.update(width=_ENOUGH)).maximum <= options.max_width:
                break
            left += [column] if column else []
        yield shown
        if left:
            yield Text(f"left out for want of room: {', '.join(left)}; a wider terminal or --json has them", "dim")

    def _without(self, left: Sequence[str]) -> Table:
        table = Table(box=None, pad_edge=False)
        kept = [at for at, column in enumerate(self.columns) if column not in left]
        for at in kept:
            column = self.columns[at]
            # Where even the rest has no room, a name goes on in the next line.
            table.add_column(column, overflow="fold", justify="right" if column in _NUMBERS else "left")
        for line in self.lines:
            table.add_row(*(line[at] for at in kept))
        return table


def _refused(row: Row, namespaces: bool) -> str:
    found = row.rollout
    # Of the release, once.
    if found.outcome != "refused" or row.track == CANDIDATE:
        return ""
    return f"{_name(row, namespaces)}: {found.by} refused {found.version or 'the upgrade'}: {found.why}"


def _model(row: Row, now: datetime, namespaces: bool) -> list[Text]:
    cells = (_name(row, namespaces), row.model, row.version, row.digest)
    return [
        *(Text(cell) for cell in cells),
        _ready(row),
        _restarts(row),
        Text(_number(row.rate)),
        Text(row.p95),
        Text(_cpu(row.use)),
        Text(_memory(row.use)),
        Text(_rolled(row.rollout, now)),
        _decided(row.rollout),
    ]


def _cameras(row: Row, now: datetime, namespaces: bool) -> Iterator[list[Text]]:
    common = [_ready(row), _restarts(row), Text(_cpu(row.use)), Text(_memory(row.use)), Text(_rolled(row.rollout, now))]
    if not row.cameras:
        yield [Text(_name(row, namespaces)), Text("-"), Text("-"), Text("-"), Text("-"), *common]
    for camera in row.cameras:
        state = Text(camera.state, "green" if camera.state == "ok" else "bold red")
        own = [
            Text(_name(row, namespaces)),
            Text(camera.camera),
            state,
            Text(_number(camera.fps)),
            Text(camera.age_p95),
        ]
        yield [*own, *common]
        # What is the release's, once.
        common = [Text("")] * len(common)


def _name(row: Row, namespaces: bool) -> str:
    name = f"{row.release} (candidate)" if row.track == "candidate" else row.release
    return f"{row.namespace}/{name}" if namespaces else name


def _ready(row: Row) -> Text:
    return Text(f"{row.ready}/{row.wanted}", "green" if row.ready >= row.wanted > 0 else "bold red")


def _restarts(row: Row) -> Text:
    return Text(str(row.restarts), "yellow" if row.restarts else "")


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


def _cpu(use: Use) -> str:
    limit = "" if use.cpu_limit is None else f"/{use.cpu_limit:g}"
    return "-" if use.cpu is None else f"{use.cpu:.2f}{limit}"


def _memory(use: Use) -> str:
    return "-" if use.memory is None else mib(use.memory) + (f"/{mib(use.memory_limit)}" if use.memory_limit else "")


def _rolled(rollout: Rollout, now: datetime) -> str:
    if rollout.revision is None:
        return "-"
    when = f" {ago((now - rollout.at).total_seconds())} ago" if rollout.at else ""
    return f"{rollout.revision} {rollout.status}{when}"


def _decided(rollout: Rollout) -> Text:
    if not rollout.outcome:
        return Text("-", "dim")
    if rollout.outcome == "refused":
        return Text(f"{rollout.by} refused {rollout.version}".rstrip(), "yellow")
    if rollout.present:
        return Text(rollout.outcome, {"good": "green", "bad": "bold red"}.get(rollout.outcome, "yellow"))
    # Why the release is where it is: the version that was tried is gone.
    return Text(f"{rollout.version} was {rollout.outcome}", "dim")
