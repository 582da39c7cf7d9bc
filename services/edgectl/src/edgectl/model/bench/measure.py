"""Setup after setup, and what was found."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

from edgectl.bundle.graph import made_elsewhere
from edgectl.model.bench.cgroup import Place, find, why_not
from edgectl.model.bench.inside import inside
from edgectl.model.bench.machine import busy, machine
from edgectl.model.bench.plan import Setup
from edgectl.model.bench.report import Report
from edgectl.model.bench.rows import Row
from edgectl.model.bench.service import remote, through_service
from edgectl.model.bench.target import Target
from edgectl.model.bench.wire import Client
from edgectl.model.report import progress


@dataclass(frozen=True, slots=True)
class Ways:
    """Beside in process: through a service started for each setup, and through one that runs at `url`."""

    started: bool
    url: str | None


def measure(target: Target, plan: Sequence[Setup], ways: Ways, seconds: float) -> Report:
    """Measure every setup of `plan`, `seconds` each.

    Raises:
        ModelError: the graph, the input or the service refuses.
    """
    batched = {batch: target.of_batch(batch) if batch else target for batch in {setup.batch for setup in plan}}
    notes = [line for line in (made_elsewhere(target.bundle.model_path), busy(), _strange(target, ways.url)) if line]
    place = find()
    if any(setup.cpus for setup in plan) and (reason := why_not(place)):
        place, plan = None, _without_limits(plan)
        notes.append(reason)
    rows = list(_rows(batched, plan, place, ways, seconds))
    return Report(target, machine(), seconds, rows, notes)


def _without_limits(plan: Sequence[Setup]) -> list[Setup]:
    return list(dict.fromkeys(Setup(setup.threads, None, setup.batch) for setup in plan))


def _rows(
    targets: dict[int | None, Target], plan: Sequence[Setup], place: Place | None, ways: Ways, seconds: float
) -> Iterator[Row]:
    url = ways.url
    with progress() as bar:
        total = len(plan) * (1 + ways.started) + (len(targets) if url else 0)
        task = bar.add_task("measuring", total=total)
        for way in (inside, *([through_service] if ways.started else [])):
            for setup in plan:
                yield way(targets[setup.batch], setup, place, seconds)
                bar.advance(task)
        for batch in dict.fromkeys(setup.batch for setup in plan) if url else ():
            yield remote(targets[batch], url or "", seconds)
            bar.advance(task)


def _strange(target: Target, url: str | None) -> str:
    """Return a line when the service at `url` has another version of the model; ModelError when it has none."""
    if url is None:
        return ""
    with closing(Client(url, target.bundle.name)) as client:
        served = client.version()
    wanted = target.bundle.version
    return "" if served == wanted else f"{url} serves version {served}, and {wanted} is measured in process"
