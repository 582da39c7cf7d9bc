"""`edgectl rollout watch` and `baseline`, put together from their parts."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import urllib3

from edge_common.errors import StartError
from edgectl.cluster.api import Api, Missing, Refused
from edgectl.cluster.connect import connect
from edgectl.cluster.pods import CANDIDATE, GUARD, STABLE, pods_of
from edgectl.cluster.scrape import Source, Straight, ThroughApiServer
from edgectl.rollout import helm, screen
from edgectl.rollout.back import FAILED, NOWHERE, Way, way_back
from edgectl.rollout.before import Baseline, Book, Decided, utcnow
from edgectl.rollout.bounds import Bounds
from edgectl.rollout.group import Group
from edgectl.rollout.judge import Outcome, Verdict
from edgectl.rollout.placed import NotYet, need_pods, placed
from edgectl.rollout.reference import Reference, before, beside
from edgectl.rollout.tally import Window
from edgectl.rollout.watch import CUT_OFF, Clock, Plan, RealClock, Unseen, Watch, measure, patiently

UNCHANGED = "nothing was rolled out since the baseline was recorded: nothing to judge"


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


class End(StrEnum):
    """How a watch ended, for its exit code."""

    GOOD = "good"
    BAD = "bad"
    UNDECIDED = "undecided"
    STILL_BAD = "bad, and still in place"


@dataclass(frozen=True, slots=True)
class Subject:
    """What is watched, and what it is compared with, as far as that is known."""

    namespace: str
    version: str = ""
    template: str = ""
    before: str = ""
    told: str = "nothing"


def run_watch(wanted: Wanted, clock: Clock | None = None) -> End:
    """Watch, show, record, and roll back when bad and wanted; return how it ended.

    Raises:
        StartError: bad input; nothing was changed.
    """
    api = connect(in_cluster=wanted.in_cluster, context=wanted.context)
    return watch_release(api, source_of(api, in_cluster=wanted.in_cluster), wanted, clock or RealClock())


def watch_release(api: Api, source: Source, wanted: Wanted, clock: Clock) -> End:
    """The same, over a way in that is open. A guard that could not look has seen no bad version: undecided."""
    namespace = wanted.namespace or api.namespace
    book, subject = Book(api, namespace, wanted.release), Subject(namespace)
    try:
        group = _newest(api, source, namespace, wanted, clock)
        subject = Subject(namespace, group.version, group.template)
        return _watch(group, book, wanted, clock)
    except StartError as exc:
        # Helm goes back on any failure of a hook.
        if not wanted.in_cluster and not isinstance(exc, NotYet):
            raise
        verdict = Verdict(Outcome.UNDECIDED, f"could not judge: {exc}", ())
    _show(wanted, subject, verdict, "nothing")
    if wanted.in_cluster and subject.template and not wanted.candidate:
        # Helm shows the log of a failed hook alone: `edgectl status` is where one sees it.
        _record(book, subject, verdict, "nothing")
    return End.UNDECIDED


def _newest(api: Api, source: Source, namespace: str, wanted: Wanted, clock: Clock) -> Group:
    component = CANDIDATE if wanted.candidate else STABLE
    # A pod may have to wait for its network; a person wants to know at once that there is none.
    patience = StartError if wanted.in_cluster else NotYet
    patiently(lambda: need_pods(placed(api, namespace, wanted.release, component)), clock, only=patience)
    return _first(lambda: Group.newest(api, source, namespace, wanted.release, component), wanted.in_cluster, clock)


def _watch(group: Group, book: Book, wanted: Wanted, clock: Clock) -> End:
    baseline = None if wanted.candidate else book.baseline()
    recorded = baseline.revision if baseline and baseline.of_this_upgrade(group.made) else 0
    way = way_back(group.api, group.namespace, wanted.release, wanted.to, recorded) if wanted.rollback else None
    if baseline is not None and baseline.template == group.template:
        return _unchanged(wanted, group)
    if wanted.in_cluster:
        _need_whole_watch(group)
    reference = _reference(group, baseline, wanted)
    with screen.live(f"{wanted.release} {group.version}") as bar:

        def tell(done: float, window: Window, verdict: Verdict | None) -> None:  # noqa: ARG001 - the watch's
            bar.tell(done, screen.figures(window))

        verdict = Watch(group, reference, wanted.bounds, Plan(wanted.seconds), clock, tell).run()
    done = _act(wanted, way, verdict)
    subject = Subject(group.namespace, group.version, group.template, reference.version, reference.told)
    _show(wanted, subject, verdict, done)
    if not wanted.candidate:
        _record(book, subject, verdict, done)
    return End.STILL_BAD if done in (FAILED, NOWHERE) else End(verdict.outcome.value)


def _unchanged(wanted: Wanted, group: Group) -> End:
    """A hook runs after every upgrade, also after one that changes a Service only; a person asked for a verdict."""
    outcome = Outcome.GOOD if wanted.in_cluster else Outcome.UNDECIDED
    _show(wanted, Subject(group.namespace, group.version, told="itself"), Verdict(outcome, UNCHANGED, ()), "nothing")
    return End(outcome.value)


def _need_whole_watch(group: Group) -> None:
    """Refuse to begin a watch again whose guard went down with its node: there is no time for a whole one.

    Raises:
        StartError: another pod of the guard has failed since the version was made: only then its Job has a second.
    """
    made = group.made
    for pod in pods_of(group.api, group.namespace, group.release, GUARD):
        since = pod.metadata.creation_timestamp
        if pod.status.phase == "Failed" and made and since and since >= made:
            raise StartError(f"{pod.metadata.name}: ended before its verdict: {CUT_OFF}")


def _first(ask: Callable[[], Group], in_cluster: bool, clock: Clock) -> Group:
    return patiently(ask, clock) if in_cluster else ask()


def source_of(api: Api, *, in_cluster: bool) -> Source:
    return Straight(urllib3.PoolManager()) if in_cluster else ThroughApiServer(api)


def _reference(group: Group, baseline: Baseline | None, wanted: Wanted) -> Reference:
    if wanted.candidate:
        return beside(group.api, group.source, group.namespace, wanted.release)
    return before(group, baseline, wanted.bounds.min_requests)


def _act(wanted: Wanted, way: Way | None, verdict: Verdict) -> str:
    """Roll back when that is wanted; return what was done."""
    if verdict.outcome is Outcome.BAD and wanted.in_cluster:
        return "left to Helm"
    return "nothing" if verdict.outcome is not Outcome.BAD or way is None else way.go()


def _show(wanted: Wanted, subject: Subject, verdict: Verdict, done: str) -> None:
    if wanted.as_json:
        names = {"release": wanted.release, "namespace": subject.namespace, "version": subject.version}
        screen.show_json(verdict, **names, before=subject.before, compared_with=subject.told, done=done)
        return
    with_what = f", compared with {subject.told}" if subject.before else f", compared with nothing: {subject.told}"
    title = f"{wanted.release} {subject.version}{with_what}"
    screen.show(title, verdict, verdict.why + ("" if done == "nothing" else f"; {done}"))


def _record(book: Book, subject: Subject, verdict: Verdict, done: str) -> None:
    decided = Decided(
        subject.version, subject.before, verdict.outcome.value, verdict.why, done, utcnow(), subject.template
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
    # The guard sees no revisions, and leaves the way back to Helm.
    revision = 0 if in_cluster else _in_place(api, place, release)
    entry = Baseline(group.version, group.template, utcnow(), recent, so_far, revision)
    book = Book(api, place, release)
    book.write(entry)
    print(f"{release} {group.version}: {screen.figures(recent if seconds else so_far)}: recorded in {book.what}")


def _in_place(api: Api, namespace: str, release: str) -> int:
    try:
        return helm.in_place(helm.revisions(api, namespace, release))
    except Refused:
        return 0
