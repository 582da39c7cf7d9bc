"""`edgectl rollout watch` and `baseline`, put together from their parts."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass

import urllib3

from edge_common.errors import StartError
from edgectl.cluster.api import Api, Missing
from edgectl.cluster.connect import connect
from edgectl.cluster.pods import CANDIDATE, STABLE
from edgectl.cluster.scrape import Source, Straight, ThroughApiServer
from edgectl.rollout import helm, screen
from edgectl.rollout.before import Baseline, Book, Decided, utcnow
from edgectl.rollout.bounds import Bounds
from edgectl.rollout.group import Group
from edgectl.rollout.judge import Outcome, Verdict
from edgectl.rollout.reference import Recorded, Reference, before, beside
from edgectl.rollout.tally import Window
from edgectl.rollout.watch import Clock, Plan, RealClock, Unseen, Watch, measure, patiently

UNCHANGED = "nothing was rolled out since the baseline was recorded"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command line asks for."""

    release: str
    namespace: str
    context: str
    in_cluster: bool
    candidate: bool
    seconds: float
    rollback: bool
    to: int | None
    bounds: Bounds
    as_json: bool


@dataclass(frozen=True, slots=True)
class Way:
    """Where back to, decided before anything is watched: what cannot be done has to be known then."""

    helm: str
    revision: int | None


def run_watch(wanted: Wanted, clock: Clock | None = None) -> str:
    """Watch, show, record, and roll back when bad and wanted; return the outcome.

    Raises:
        StartError: bad input; nothing was changed.
    """
    api = connect(in_cluster=wanted.in_cluster, context=wanted.context)
    namespace, source = wanted.namespace or api.namespace, source_of(api, in_cluster=wanted.in_cluster)
    component = CANDIDATE if wanted.candidate else STABLE
    tick = clock or RealClock()
    group = _first(lambda: Group.newest(api, source, namespace, wanted.release, component), wanted.in_cluster, tick)
    way = _way(api, namespace, wanted) if wanted.rollback else None
    book = Book(api, namespace, wanted.release)
    if not wanted.candidate and _unchanged(book, group):
        # A hook runs after every upgrade, also after one that changes a Service only.
        _show(wanted, group, Recorded("", "itself", None), Verdict(Outcome.GOOD, UNCHANGED, ()), "nothing")
        return Outcome.GOOD.value
    reference = _reference(group, book, wanted)
    with screen.live(f"{wanted.release} {group.version}") as bar:

        def tell(done: float, window: Window, verdict: Verdict | None) -> None:  # noqa: ARG001 - the watch's
            bar.tell(done, screen.figures(window))

        plan = Plan(wanted.seconds)
        verdict = Watch(group, reference, wanted.bounds, plan, tick, tell).run()
    done = _act(api, namespace, wanted, way, verdict)
    _show(wanted, group, reference, verdict, done)
    if not wanted.candidate:
        _record(book, group, reference, verdict, done)
    return verdict.outcome.value


def _first(ask: Callable[[], Group], in_cluster: bool, clock: Clock) -> Group:
    """A pod may have to wait for its network; a person wants to know at once that there is none."""
    return patiently(ask, clock) if in_cluster else ask()


def _unchanged(book: Book, group: Group) -> bool:
    baseline = book.baseline()
    return baseline is not None and baseline.template == group.template


def source_of(api: Api, *, in_cluster: bool) -> Source:
    return Straight(urllib3.PoolManager()) if in_cluster else ThroughApiServer(api)


def _reference(group: Group, book: Book, wanted: Wanted) -> Reference:
    if wanted.candidate:
        return beside(group.api, group.source, group.namespace, wanted.release)
    return before(group, book, wanted.bounds.min_requests)


def _way(api: Api, namespace: str, wanted: Wanted) -> Way:
    program = helm.need_helm()
    if wanted.to is not None:
        return Way(program, wanted.to)
    number = helm.good_before(helm.revisions(api, namespace, wanted.release))
    if number is None:
        print(
            f"edgectl: {wanted.release}: no good revision before this one: it will not be rolled back", file=sys.stderr
        )
    return Way(program, number)


def _act(api: Api, namespace: str, wanted: Wanted, way: Way | None, verdict: Verdict) -> str:
    """Roll back when that is wanted; return what was done."""
    if verdict.outcome is Outcome.BAD and wanted.in_cluster:
        return "left to Helm"
    if verdict.outcome is not Outcome.BAD or way is None or way.revision is None:
        return "nothing"
    try:
        helm.rollback(way.helm, api, namespace, wanted.release, way.revision)
    except StartError as exc:
        print(f"edgectl: {exc}", file=sys.stderr)
        return "rollback failed"
    return f"rolled back to revision {way.revision}"


def _show(wanted: Wanted, group: Group, reference: Reference, verdict: Verdict, done: str) -> None:
    if wanted.as_json:
        names = {"release": wanted.release, "namespace": group.namespace, "version": group.version}
        screen.show_json(verdict, **names, before=reference.version, compared_with=reference.told, done=done)
        return
    title = f"{wanted.release} {group.version}, compared with {reference.told}"
    screen.show(title, verdict, verdict.why + ("" if done == "nothing" else f"; {done}"))


def _record(book: Book, group: Group, reference: Reference, verdict: Verdict, done: str) -> None:
    decided = Decided(
        group.version, reference.version, verdict.outcome.value, verdict.why, done, utcnow(), group.template
    )
    try:
        book.write(decided)
    except StartError as exc:
        # `edgectl status` will not know; the verdict stands.
        print(f"edgectl: the verdict is not recorded: {exc}", file=sys.stderr)


def run_baseline(
    release: str,
    *,
    namespace: str,
    context: str,
    in_cluster: bool,
    seconds: float,
    if_any: bool,
    clock: Clock | None = None,
) -> None:
    """Measure the release's present version and record it.

    Raises:
        StartError: bad input, or with `if_any` only what is not a missing or silent release.
    """
    api = connect(in_cluster=in_cluster, context=context)
    place, tick, source = namespace or api.namespace, clock or RealClock(), source_of(api, in_cluster=in_cluster)
    try:
        group = _first(lambda: Group.newest(api, source, place, release, STABLE), in_cluster, tick)
        with screen.live(f"{release} {group.version}") as bar:
            recent, so_far = measure(
                group,
                Plan(seconds),
                tick,
                lambda done, so_far: bar.tell(done, screen.figures(so_far)),
            )
    except (Unseen, Missing) as exc:
        if not if_any:
            raise
        print(f"edgectl: {exc}: no baseline, nothing will be compared", file=sys.stderr)
        return
    entry = Baseline(group.version, group.template, utcnow(), recent, so_far)
    book = Book(api, place, release)
    book.write(entry)
    print(f"{release} {group.version}: {screen.figures(recent if seconds else so_far)}: recorded in {book.what}")
