"""The only place where the process's objects are made."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import cv2
from prometheus_client import CollectorRegistry, disable_created_metrics, make_wsgi_app

from edge_camera.alerts import Alert
from edge_camera.answers_file import AnswersFile
from edge_camera.candidate import Asker, Shadow, Share
from edge_camera.capture.source import CaptureSource
from edge_camera.capture.spec import kind_of
from edge_camera.client import InferenceClient
from edge_camera.config import Camera, Config, Inference
from edge_camera.deliveries import Deliveries
from edge_camera.events import POD, Changes, EventMaker
from edge_camera.frame import Frame
from edge_camera.ingest import Fanout, Ingest
from edge_camera.lane import Lane
from edge_camera.live import Gallery, Screen
from edge_camera.mailbox import Mailbox
from edge_camera.metrics import CameraState, Cause, Metrics
from edge_camera.pipeline import Reader, Watcher, Worker
from edge_camera.record import Record
from edge_camera.reload import ConfigView
from edge_camera.settings import Settings
from edge_camera.sight import Sight
from edge_camera.sinks.make import close_sinks, keep_cameras, make_sinks
from edge_camera.snapshots import Snapshots
from edge_camera.source import FileSource, Source, open_video
from edge_camera.split import Split
from edge_camera.spooled import open_spool, outlets
from edge_camera.status import status_document
from edge_camera.summary import Window
from edge_camera.turns import Turns
from edge_camera.view import create_app
from edge_common.clock import Clock
from edge_common.errors import StartError
from edge_common.server import Server

# Requests of the page besides the streams: status polls and snapshots.
_PAGE_THREADS = 4
_METRICS_THREADS = 2
# What is still being sent at the end is a picture or a page; a viewer that reads at all has it by then.
_STOP_S = 2
# A shadow asks once the main answer is there: its deadline counts from the frame, too.
_SHADOW_FACTOR = 3.0
# A worker in the middle of a frame needs its deadline, and once more when it connects anew.
_DRAIN_FACTOR, _DRAIN_MORE_S = 2.0, 2.0


def build(
    settings: Settings,
    config: Config,
    clock: Clock,
    answers: AnswersFile | None = None,
    running: Callable[[], ConfigView] = ConfigView,
) -> Ingest:
    """Make every object of the process; the listeners' ports are taken, but nothing runs yet.

    `running` tells which config runs, for `/status`.

    Raises:
        StartError: a source cannot be opened or a port is taken.
    """
    gateway = settings.gateway_name
    sinks = make_sinks(config.sinks, gateway, clock)
    # Frames are small and cameras many: OpenCV's own pool costs a third more CPU a frame than it saves in time.
    cv2.setNumThreads(1)
    disable_created_metrics()  # type: ignore[no-untyped-call]  # nobody reads them
    registry = CollectorRegistry()
    metrics = Metrics(registry, [camera.name for camera in config.camera], [sink.name for sink in sinks])
    gallery = Gallery(settings.viewers, settings.stream_fps)
    spool = open_spool(config.sinks.spool, metrics, clock)
    keep_cameras(sinks, {POD, *(camera.name for camera in config.camera)})
    fanout = Fanout(gallery.note, outlets(sinks, spool, metrics, clock))
    snapshots = None
    if config.sinks.snapshots is not None:
        snapshots = Snapshots(config.sinks.snapshots, lambda what: metrics.snapshots.labels(what.value).inc())
    lanes = Lanes(settings, metrics, gateway, fanout, clock, answers, snapshots)
    for camera in config.camera:
        lanes.check(camera)
    cap = None if config.sinks.spool is None else config.sinks.spool.max_bytes
    deliveries = Deliveries(
        metrics=metrics,
        sinks=[sink.name for sink in sinks],
        max_bytes=cap,
        stats=None if spool is None else spool.stats,
    )
    leaving = threading.Event()

    def status() -> dict[str, Any]:
        return status_document(gateway, gallery, clock.monotonic(), deliveries, running())

    page = create_app(gallery, status, leaving.is_set)
    scrape = make_wsgi_app(registry, disable_compression=True)
    return Ingest(
        config=config,
        maker=lanes,
        fanout=fanout,
        gallery=gallery,
        metrics=metrics,
        pod=EventMaker(gateway, POD, config.inference.model),
        clock=clock,
        snapshots=snapshots,
        keep_cameras=lambda names: keep_cameras(sinks, {POD, *names}),
        close_sinks=lambda: close_sinks(sinks),
        leaving=leaving,
        servers=[
            Server(
                page, settings.host, settings.port, threads=settings.viewers + _PAGE_THREADS, stop_timeout_s=_STOP_S
            ),
            Server(scrape, settings.host, settings.metrics_port, threads=_METRICS_THREADS, stop_timeout_s=_STOP_S),
        ],
    )


class Lanes:
    """Make one camera's reader and worker from what all cameras share."""

    def __init__(
        self,
        settings: Settings,
        metrics: Metrics,
        gateway: str,
        fanout: Fanout,
        clock: Clock,
        answers: AnswersFile | None,
        snapshots: Snapshots | None,
    ) -> None:
        self._settings, self._metrics = settings, metrics
        self._gateway, self._fanout = gateway, fanout
        self._clock, self._answers, self._snapshots = clock, answers, snapshots
        # Gone with the last lane that asks so.
        self._turns: WeakValueDictionary[Inference, Turns] = WeakValueDictionary()

    def check(self, camera: Camera) -> None:
        """Raise StartError for a file that cannot be opened: unlike a camera, it will not come back."""
        if kind_of(camera.url) is not None:
            return
        try:
            capture, _ = open_video(camera.path)
        except StartError as exc:
            raise StartError(f"camera {camera.name}: url: {exc}") from None
        capture.release()

    def make(self, inference: Inference, alerts: Mapping[str, Alert], camera: Camera) -> Lane:
        """Return the lane of `camera`; nothing else changes by that."""
        turns = self._turns.setdefault(inference, Turns(inference.max_in_flight))
        halt, deadline_s = threading.Event(), inference.deadline_ms / 1000
        record = Record(camera.name, self._metrics)
        mailbox = Mailbox[Frame]()
        screen = Screen(record=record, quality=self._settings.jpeg_quality, model=inference.model)
        reader = Reader(source=self._source(camera, record), mailbox=mailbox, record=record, stop=halt)
        shadow = self._shadow(inference, camera)
        watchers: list[Watcher] = [screen.show]
        watchers += [] if self._answers is None else [self._answers.write]
        watchers += [] if shadow is None else [shadow.show]
        worker = Worker(
            mailbox=mailbox,
            record=record,
            sight=Sight(camera, alerts, record, adapts=not reader.source.waits),
            turns=turns,
            deadline_s=deadline_s,
            # A file read as fast as it is answered skips nothing.
            newest=not reader.source.waits,
            client=self._client(inference, camera, sorted({alert.label for alert in alerts.values()})),
            maker=EventMaker(self._gateway, camera.name, inference.model),
            changes=Changes(camera.keepalive_s),
            emit=self._fanout,
            watchers=watchers,
            clock=self._clock,
            summary_s=self._settings.summary_s,
            window=Window(record, self._clock.monotonic()),
            snapshots=self._snapshots,
        )
        drain_s = deadline_s * _DRAIN_FACTOR + _DRAIN_MORE_S
        return Lane(
            camera=camera, reader=reader, worker=worker, screen=screen, halt=halt, drain_s=drain_s, shadow=shadow
        )

    def _source(self, camera: Camera, record: Record) -> Source:
        kind, fast = kind_of(camera.url), camera.speed == "fast"

        def undecodable(count: int) -> None:
            record.lost(Cause.DECODE, count)

        if kind is None:
            return FileSource(
                camera=camera.name,
                path=camera.path,
                clock=self._clock,
                on_undecodable=undecodable,
                loop=camera.loop,
                fast=fast,
            )
        return CaptureSource(
            camera=camera.name,
            url=camera.url,
            kind=kind,
            clock=self._clock,
            on_state=lambda state, why: record.enter(CameraState(state.value), "" if why is None else why.value),
            on_reconnect=lambda _reason: self._metrics.reconnects.labels(camera.name).inc(),
            on_undecodable=undecodable,
            on_resized=lambda: self._metrics.resized.labels(camera.name).inc(),
            settings=camera.capture,
            credentials=None if camera.credentials is None else Path(camera.credentials),
            loop=camera.loop,
            fast=fast,
        )

    def _client(self, ask: Inference, camera: Camera, expected: Sequence[str]) -> Asker:
        main, candidate = self._client_of(ask, ask.url, camera, 1.0, expected), ask.candidate
        if candidate is None or candidate.mode != "split":
            return main
        other = self._client_of(ask, candidate.url, camera, 1.0)
        return Split(
            main=main,
            candidate=other,
            share=Share(candidate.share),
            clock=self._clock,
            count=lambda why: self._metrics.fallbacks.labels(why.value).inc(),
        )

    def _shadow(self, ask: Inference, camera: Camera) -> Shadow | None:
        candidate = ask.candidate
        if candidate is None or candidate.mode != "shadow":
            return None
        return Shadow(
            candidate=self._client_of(ask, candidate.url, camera, _SHADOW_FACTOR),
            share=Share(candidate.share),
            count=lambda agreement, number: self._metrics.shadow.labels(agreement.value).inc(number),
            took=self._metrics.inference.labels("candidate").observe,
        )

    def _client_of(
        self, ask: Inference, url: str, camera: Camera, factor: float, expected: Sequence[str] = ()
    ) -> InferenceClient:
        deadline_s = ask.deadline_ms / 1000 * factor
        return InferenceClient(url, ask.model, deadline_s, camera.max_side, self._clock, expected)
