"""One demo run: start the services, run the camera, watch everything, take the figures, stop everything."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edgectl.demo.http import Http
from edgectl.demo.plan import CAMERA, DETECTOR, PUMP, Plan
from edgectl.demo.processes import Child, ChildFailed, Children, program
from edgectl.demo.pump import Pump, read_samples
from edgectl.demo.report import Totals, faults, read_totals, table
from edgectl.demo.score import read_answers, read_truth, score
from edgectl.demo.screen import Bar, Screen

# A service that is not ready by then never will be: the models here load in well under a second.
READY_S = 60.0
_TICK_S, _MEASURE_S = 0.25, 2.0


class Interrupted(Exception):
    """The user has had enough."""


class Session:
    """State of one run. `stop` is set by Ctrl-C."""

    def __init__(self, plan: Plan, screen: Screen, folder: Path, stop: threading.Event) -> None:
        self._plan, self._screen, self._folder, self._stop = plan, screen, folder, stop
        self._http = Http()
        self._children = Children(folder)

    def run(self) -> list[str]:
        """Run to the end; return what went wrong, one line each."""
        try:
            return self._run()
        except ChildFailed as exc:
            return [str(exc)]
        except Interrupted:
            return []
        finally:
            self._children.close()  # after a failure, how the others end is of no interest
            self._http.close()

    def _run(self) -> list[str]:
        truth = read_truth(self._plan.truth)
        pump = Pump(read_samples(self._plan.samples), self._http, self._plan.ports.pump, self._screen)
        services = self._start_services()
        camera = self._start_camera()
        with self._forwarded(camera), self._screen.bar(None if self._plan.forever else len(truth)) as bar:
            self._watch(camera, services, pump, bar)
        pump.ask_the_rest()
        memory = {child.name: child.pss_mb for child in self._children.all}
        totals = self._totals()
        answers = self._folder / "answers.jsonl"
        result = score(read_answers(answers), truth) if answers.exists() else None
        failures = [*faults(totals, result), *self._children.close()]
        self._screen.console.print(table(totals, result, memory, pump.summary(), failures))
        return failures

    def _totals(self) -> Totals:
        path = self._folder / "totals.json"
        if not path.is_file():
            if self._stop.is_set():
                raise Interrupted
            raise ChildFailed(f"edge-camera left no {path}{self._children.all[-1].last_words()}")
        return read_totals(path, CAMERA)

    def _start_services(self) -> list[Child]:
        ports = self._plan.ports
        services = [
            self._start_service(DETECTOR, ports.belt, ports.belt_metrics),
            self._start_service(PUMP, ports.pump, ports.pump_metrics),
        ]
        self._wait_ready(services[0], ports.belt)
        self._wait_ready(services[1], ports.pump)
        return services

    def _start_service(self, model: str, port: int, metrics_port: int) -> Child:
        bundle = str(self._plan.models / model)
        where = ["--host", "127.0.0.1", "--port", str(port), "--metrics-port", str(metrics_port)]
        return self._children.start(model, [program("edge-inference"), bundle, *where])

    def _wait_ready(self, child: Child, port: int) -> None:
        while reason := self._http.ready(port):
            child.check()
            if time.monotonic() - child.started > READY_S:
                raise ChildFailed(f"{child.name} was not ready within {READY_S:g} s: {reason}{child.last_words()}")
            if self._stop.wait(0.05):
                raise Interrupted
        took = time.monotonic() - child.started
        version = self._http.version(port, child.name)
        self._screen.say(f"{child.name} {version} is ready after {took:.1f} s: http://127.0.0.1:{port}/")

    def _start_camera(self) -> Child:
        config = self._folder / "cameras.toml"
        config.write_text(self._plan.camera_config())
        ports = self._plan.ports
        command = [program("edge-camera"), str(config), "--host", "127.0.0.1"]
        command += ["--port", str(ports.camera), "--metrics-port", str(ports.camera_metrics)]
        command += ["--exit-at-end", "true", "--report", str(self._folder / "totals.json")]
        if not self._plan.forever:
            command += ["--answers", str(self._folder / "answers.jsonl")]
        child = self._children.start("edge-camera", command, piped=True)
        self._screen.say(f"live page: http://127.0.0.1:{ports.camera}/", "bold green")
        return child

    @contextmanager
    def _forwarded(self, camera: Child) -> Iterator[None]:
        """Print the camera's events as they come; on leaving, the last of them are out."""
        assert camera.process.stdout is not None
        thread = threading.Thread(target=self._screen.events, args=(camera.process.stdout,), daemon=True)
        thread.start()
        yield
        thread.join(5)

    def _watch(self, camera: Child, services: list[Child], pump: Pump, bar: Bar) -> None:
        measured = 0.0
        while camera.process.poll() is None:
            now = time.monotonic()
            for service in services:
                service.check()
            if now - measured > _MEASURE_S:
                measured = now
                for child in self._children.all:
                    child.measure()
                pump.ask_when_due(now)
            if (frames := self._http.frames_read(self._plan.ports.camera)) is not None:
                bar.at(frames)
            if self._stop.wait(_TICK_S):
                line = camera.stop()
                # Within its first moments it has no handler of its own yet: that is in order, too.
                if line and camera.process.returncode != -signal.SIGTERM:
                    raise ChildFailed(line)
        if camera.process.returncode and not self._stop.is_set():
            camera.check()
