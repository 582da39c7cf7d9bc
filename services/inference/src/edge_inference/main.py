"""edge-inference: serve one model until told to stop, or only check it."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

# One BLAS pool more would only fight ONNX Runtime's for the same quota; numpy reads it at import.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# ONNX Runtime would report its use to its maker, and leave a device id in the home directory.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

from edge_common import logs
from edge_common.body import BodyReader
from edge_common.bundle import Bundle, read_bundle
from edge_common.errors import StartError
from edge_common.flags import Parser
from edge_common.httpengine import WsgiApp
from edge_common.server import Server, raise_file_limit
from edge_common.settings import add_flags, load_settings
from edge_common.stop import Stop
from edge_inference.cpu import cpu_limit
from edge_inference.front import Front
from edge_inference.memory import give_back, one_heap
from edge_inference.service import Service, process_started
from edge_inference.settings import Settings

log = logging.getLogger("edge_inference")

CRASHED, BAD_START, CHECK_FAILED = 1, 2, 3
_POLL_S = 0.02
SPARE_HANDLERS = 2
# Between two looks whether a burst is over and its memory can go back to the system.
_IDLE_LOOK_S = 5.0


def main(argv: Sequence[str] | None = None, env: Mapping[str, str] = os.environ) -> None:
    """Run and exit: 0 after a clean stop, 2 for a bad setting or bundle, 3 for a failed self-check."""
    one_heap()
    arguments = vars(_parser().parse_args(argv))
    check_only = arguments.pop("check")
    url = arguments.pop("ask")
    positional = arguments.pop("path")
    arguments["model"] = positional or arguments["model"]
    try:
        settings = load_settings(Settings, env, arguments)
        logs.configure(settings.log_level)
        bundle = read_bundle(settings.model)
        _check_expected(settings, bundle)
        if url is not None:
            code = _ask(url, bundle)
        else:
            service = Service(settings, bundle, cpu_limit())
            code = _check(service) if check_only else Process(service).run()
    except StartError as exc:
        print(f"edge-inference: {exc}", file=sys.stderr)
        code = BAD_START
    _leave(code)


def _parser() -> Parser:
    parser = Parser(
        "edge-inference",
        "Serve one ONNX model over the Open Inference Protocol.",
        "examples:  edge-inference models/belt-detector --port 8080\n"
        "           edge-inference --check models/belt-detector   (exit 0, or 3 with what differs)\n"
        "           edge-inference --ask http://detector:8080 models/belt-detector\n"
        "           EDGE_THREADS=2 edge-inference model.onnx",
    )
    parser.add_argument("path", nargs="?", metavar="PATH", help="bundle directory or .onnx file")
    parser.add_argument(
        "--check", action="store_true", help="do the whole start up to the budget, print one line, exit"
    )
    parser.add_argument(
        "--ask", metavar="URL", help="send the bundle's golden samples to a running service, print one line, exit"
    )
    add_flags(parser, Settings)
    return parser


def _check_expected(settings: Settings, bundle: Bundle) -> None:
    """A chart says which model it means; whatever else lies in the image or volume must not be served for it."""
    digest = (bundle.sha256 or bundle.check_hash()) if settings.expect_sha256 else ""
    for key, wanted, found in (
        ("expect_name", settings.expect_name, bundle.name),
        ("expect_version", settings.expect_version, bundle.version),
        ("expect_sha256", settings.expect_sha256, digest),
    ):
        if wanted and wanted != found:
            raise StartError(
                f"{key}: want {wanted}, found {found} in {bundle.directory}; "
                "with another version, a pinned tag, digest or sha256 has to be set anew"
            )


def _ask(url: str, bundle: Bundle) -> int:
    from edge_inference.ask import AskFailed, ask

    try:
        count = ask(url, bundle)
    except AskFailed as exc:
        print(f"{bundle.name} {bundle.version}: {exc}")
        return CHECK_FAILED
    print(f"{bundle.name} {bundle.version}: ok: {count} golden samples answered by {url}")
    return 0


def _check(service: Service) -> int:
    from edge_inference.selfcheck import CheckFailed

    try:
        service.load(process_started())
    except CheckFailed as exc:
        print(f"{service.bundle.name} {service.bundle.version}: {exc}")
        return CHECK_FAILED
    report = service.report
    if report is not None:
        print(
            f"{service.bundle.name} {service.bundle.version}: ok: sha256, {report.samples} golden samples, "
            f"p95 {report.p95_ms:.2f} ms on {service.threads} threads, {report.memory_mb:.0f} MB"
        )
    return 0


def _readers(settings: Settings) -> int:
    """Handlers that may wait for bodies; the others answer health whatever slow senders do."""
    handlers, wanted = settings.max_handlers, settings.max_slow_bodies or settings.max_handlers * 3 // 4
    if wanted > handlers - SPARE_HANDLERS:
        raise StartError(
            f"max_slow_bodies={wanted}: want at most {handlers - SPARE_HANDLERS}, {SPARE_HANDLERS} less than "
            f"max_handlers={handlers}, so that health is answered; or 0"
        )
    return wanted


def _total(settings: Settings) -> int:
    if settings.max_total_body_bytes < 2 * settings.max_body_bytes:
        raise StartError(
            f"max_total_body_bytes={settings.max_total_body_bytes}: want at least {2 * settings.max_body_bytes}, "
            "twice max_body_bytes: a compressed body and what it unpacks to"
        )
    return settings.max_total_body_bytes


class Process:
    """The listening process: start, wait for a signal or a failed load, stop in order."""

    def __init__(self, service: Service) -> None:
        settings = service.settings
        raise_file_limit()
        bodies = BodyReader(
            max_bytes=settings.max_body_bytes,
            max_readers=_readers(settings),
            timeout_s=settings.body_timeout_ms / 1000,
            max_total_bytes=_total(settings),
        )
        self._service = service
        self._settings = settings
        self._front = Front(service, bodies, lambda: _flask(service))
        self._server = Server(
            self._front,
            settings.host,
            settings.port,
            threads=settings.max_handlers,
            max_connections=settings.max_connections,
            header_timeout_s=settings.header_timeout_ms / 1000,
        )
        self._metrics = Server(lambda *call: _scrape(service)(*call), settings.host, settings.metrics_port, threads=4)
        service.metrics_port = self._metrics.port
        self._stop = Stop()
        self._code = 0

    def run(self) -> int:
        """Serve until stopped and return the exit code."""
        # Before all else: as a container's first process, this one would not be ended by a signal without a handler.
        self._stop.listen()
        for server in (self._metrics, self._server):
            server.start()
        log.info("listening on port %d, metrics on port %d", self._server.port, self._metrics.port)
        threading.Thread(target=self._load, name="load", daemon=True).start()
        seen = given = self._service.recorder.total
        while not self._stop.wait(_IDLE_LOOK_S):
            seen, before = self._service.recorder.total, seen
            if seen == before and seen != given:
                give_back()
                given = seen
        self._drain()
        return self._code or (CRASHED if self._stop.broken else 0)

    def _load(self) -> None:
        from edge_inference.selfcheck import CheckFailed

        loaded = False
        try:
            self._service.load(process_started())
            loaded = True
        except CheckFailed as exc:
            self._end(CHECK_FAILED, str(exc))
            # Long enough to read /v2/health/ready and one scrape, then the rollout must see a failure.
            self._stop.wait(self._settings.failed_grace_ms / 1000)
        except StartError as exc:
            self._end(BAD_START, str(exc))
        finally:
            if not loaded:
                # Nothing above caught it: the thread's traceback goes to stderr, and the process must not linger.
                self._code = self._code or CRASHED
                self._stop.tell()

    def _end(self, code: int, why: str) -> None:
        self._code = code
        print(f"edge-inference: {why}", file=sys.stderr, flush=True)

    def _names(self) -> dict[str, str]:
        return {"model": self._service.bundle.name, "version": self._service.bundle.version}

    def _drain(self) -> None:
        """Not ready, wait for proxies, refuse new work, finish the old, close."""
        if not self._code:
            self._service.leave("stopping", closing=False)
            log.info("stopping", extra=self._names())
            time.sleep(self._settings.shutdown_delay_ms / 1000)
        self._service.leave(self._service.reason, closing=True)
        end = time.monotonic() + self._settings.drain_timeout_ms / 1000
        while self._front.active and time.monotonic() < end:
            time.sleep(_POLL_S)
        self._server.stop()
        self._metrics.stop()


def _flask(service: Service) -> Any:
    from edge_inference.app import create_app

    return create_app(service)


def _scrape(service: Service) -> WsgiApp:
    """The metrics port's application, made anew at each scrape: it is cheap, and a start without a scrape saves it."""
    from edge_inference.exposition import scrape_app

    return scrape_app(service.recorder)


def _leave(code: int) -> None:
    """End at once: a thread held by a stalled client must not hold the exit."""
    for stream in (sys.stdout, sys.stderr):
        # Closed from outside, or a full disk: the exit code still tells.
        with contextlib.suppress(AttributeError, OSError, ValueError):
            stream.flush()
    os._exit(code)
