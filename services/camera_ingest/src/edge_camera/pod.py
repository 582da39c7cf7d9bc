"""The pod: build everything once, run until told to stop."""

from __future__ import annotations

import logging
from pathlib import Path

import msgspec

from edge_camera.answers_file import AnswersFile
from edge_camera.build import build
from edge_camera.config import Config
from edge_camera.ingest import Ingest
from edge_camera.reload import Reloader
from edge_camera.settings import Settings
from edge_camera.status import totals_document
from edge_common.clock import SystemClock
from edge_common.errors import StartError
from edge_common.stop import Stop

log = logging.getLogger(__name__)


def run(settings: Settings, path: Path) -> int:
    """Run until a signal, or the end of all files when so set; return the exit code."""
    stop, clock = Stop(), SystemClock()
    # Before all else: as a container's first process, this one would not be ended by a signal without a handler.
    stop.listen()
    # Before the first reading: what changes while the pod starts is seen by the first look.
    reloader = Reloader(path, clock.monotonic())
    reloader.listen()
    config = reloader.first()
    if settings.report is not None:
        _check_report(settings.report)
    answers = AnswersFile(settings.answers, settings.answers_max_bytes) if settings.answers else None
    ingest = build(settings, config, clock, answers, reloader.view)
    ingest.start()
    _log_start(settings, config, ingest)
    while not stop.wait(0.2):
        if settings.exit_at_end and ingest.ended():
            stop.wait(settings.linger_s)
            break
        reloader.look(clock.monotonic(), ingest)
    log.info("stopping")
    ingest.stop()
    if answers is not None:
        answers.close()
    written = settings.report is None or _write_report(settings.report, ingest)
    return 1 if stop.broken or not written else 0


def _log_start(settings: Settings, config: Config, ingest: Ingest) -> None:
    page, metrics = (server.port for server in ingest.servers)
    cameras = ", ".join(camera.name for camera in config.camera)
    log.info(
        "page on port %d, gateway %s, cameras %s, model %s, metrics on port %d",
        page, settings.gateway_name, cameras, config.inference.model, metrics,
    )  # fmt: skip


def _check_report(path: Path) -> None:
    """Refuse before the run what could not be written after it."""
    aside = _aside(path)
    try:
        aside.touch()
        aside.unlink()
    except OSError as exc:
        raise StartError(f"--report {path}: cannot write: {exc.strerror}; choose another path") from None


def _write_report(path: Path, ingest: Ingest) -> bool:
    document = totals_document(ingest.records)
    try:
        _aside(path).write_bytes(msgspec.json.encode(document) + b"\n")
        _aside(path).replace(path)
    except OSError as exc:
        log.error("cannot write the report %s: %s", path, exc.strerror)
        return False
    return True


def _aside(path: Path) -> Path:
    return path.with_name(path.name + ".part")
