"""Check, settle ports, run, tell the verdict."""

from __future__ import annotations

import shutil
import signal
import tempfile
import threading
from dataclasses import replace
from pathlib import Path

from edgectl.demo.plan import Plan
from edgectl.demo.screen import Screen
from edgectl.demo.session import Session

INTERRUPTED = 128 + signal.SIGINT


def start(plan: Plan, *, colour: bool) -> int:
    """Run the demo in the main thread; return the exit code.

    Raises:
        StartError: a file of the plan is missing or broken.
    """
    plan.check()
    screen = Screen(colour=colour)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    folder = Path(tempfile.mkdtemp(prefix="edge-demo-"))
    settled = replace(plan, ports=plan.ports.settled(screen.say))
    failures = Session(settled, screen, folder, stop).run()
    for line in failures:
        screen.say(f"failed: {line}", "bold red")
    if failures:
        screen.say(f"the services' logs are in {folder}")
        return 1
    shutil.rmtree(folder, ignore_errors=True)
    screen.say("stopped" if stop.is_set() else "all is well", "bold green")
    return INTERRUPTED if stop.is_set() and not plan.forever else 0
