"""`edge-camera CONFIG`: build everything once, run until told to stop."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

import msgspec

from edge_camera.answers_file import AnswersFile
from edge_camera.build import build
from edge_camera.config import Config, read_config
from edge_camera.ingest import Ingest
from edge_camera.settings import Settings
from edge_camera.status import totals_document
from edge_common.clock import SystemClock
from edge_common.errors import StartError
from edge_common.logs import configure
from edge_common.settings import add_flags, load_settings

log = logging.getLogger(__name__)


def run(settings: Settings, config: Config) -> int:
    """Run until a signal, or the end of all files when so set; return the exit code."""
    answers = AnswersFile(settings.answers, settings.answers_max_bytes) if settings.answers else None
    ingest = build(settings, config, SystemClock(), answers)
    stop, broken = threading.Event(), threading.Event()
    _fail_on_thread_errors(stop, broken)
    ingest.start()
    _stop_on_signals(stop)
    log.info("page on port %d, metrics on port %d", *(server.port for server in ingest.servers))
    while not stop.wait(0.2):
        if settings.exit_at_end and ingest.ended():
            stop.wait(settings.linger_s)
            break
    ingest.stop()
    if answers is not None:
        answers.close()
    if settings.report is not None:
        _write_report(settings.report, ingest)
    return 1 if broken.is_set() else 0


def _stop_on_signals(stop: threading.Event) -> None:
    """The first SIGTERM or SIGINT stops in order; a second one at once."""

    def handle(number: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            os._exit(128 + number)
        stop.set()

    signal.signal(signal.SIGTERM, handle)
    signal.signal(signal.SIGINT, handle)


def _fail_on_thread_errors(stop: threading.Event, broken: threading.Event) -> None:
    """A thread that dies of a bug ends the process with exit code 1: better a restart than a blind pod."""

    def handle(args: threading.ExceptHookArgs) -> None:
        name = args.thread.name if args.thread else "?"
        value = args.exc_value or args.exc_type()
        log.error("thread %s died", name, exc_info=(args.exc_type, value, args.exc_traceback))
        broken.set()
        stop.set()

    threading.excepthook = handle


def _write_report(path: Path, ingest: Ingest) -> None:
    document = totals_document([lane.worker.record for lane in ingest.lanes])
    aside = path.with_name(path.name + ".part")
    try:
        aside.write_bytes(msgspec.json.encode(document) + b"\n")
        aside.replace(path)
    except OSError as exc:
        log.error("cannot write the report %s: %s", path, exc.strerror)


def main(argv: Sequence[str] | None = None, env: Mapping[str, str] | None = None) -> None:
    """Entry point; exit code 2 and one line on stderr for anything wrong with settings or config."""
    parser = argparse.ArgumentParser("edge-camera", description="Feed camera frames to an inference service.")
    parser.add_argument("config", type=Path, metavar="CONFIG", help="config file (TOML)")
    add_flags(parser, Settings)
    options = vars(parser.parse_args(argv))
    try:
        path = options.pop("config")
        settings = load_settings(Settings, os.environ if env is None else env, options)
        configure(settings.log_level)
        code = run(settings, read_config(path))
    except StartError as exc:
        print(f"edge-camera: {exc}", file=sys.stderr)
        code = 2
    _leave(code)


def _leave(code: int) -> NoReturn:
    """End at once: a thread held by a viewer that has stopped reading must not hold the exit."""
    logging.shutdown()
    sys.stderr.flush()
    os._exit(code)
