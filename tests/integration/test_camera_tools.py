"""edge-camera's commands as people run them: the installed program, real spools, real sockets."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import jsonschema
import pytest

from books import audited
from camera_support import model_server, write_clip
from onvif_camera import matches, responder
from spool_support import Bench
from tools_support import PROGRAM, SCHEMA, answer, event, is_one_line, run, spooled


@pytest.fixture(autouse=True)
def _audited() -> None:
    """In place of what looks after every pod: a command has no report, and what it prints may be no event."""


SINKS = '[inference]\nurl = "not looked at"\n[sinks]\n'


@contextmanager
def _spool(folder: Path, count: int, max_bytes: int = 1 << 26) -> Iterator[Bench]:
    """A spool whose owner runs, with `count` events."""
    bench = Bench(folder, fsync=60.0, segment_bytes=65_536, max_bytes=max_bytes)
    try:
        for start in range(0, count, 500):
            numbers = range(start, min(start + 500, count))
            bench.spool.append_many(spooled([event(number, answers=[answer("parcel")]) for number in numbers]))
        yield bench
    finally:
        bench.spool.close()


def test_help_lists_the_commands_and_each_has_examples() -> None:
    whole = run("--help")
    assert whole.returncode == 0
    for name in ("check", "discover", "replay", "analyse"):
        assert f"\n  {name}" in whole.stdout and f"edge-camera {name} " in whole.stdout
        own = run(name, "--help")
        assert own.returncode == 0 and own.stdout.startswith(f"usage: edge-camera {name} ")
        assert f"examples:  edge-camera {name}" in own.stdout


@pytest.mark.parametrize("arguments", [["./replay"], ["--port", "0", "replay"], ["belt"]])
def test_a_config_may_be_called_as_a_command(tmp_path: Path, arguments: list[str]) -> None:
    (tmp_path / arguments[-1]).write_text("[inference]\n")
    done = subprocess.run([PROGRAM, *arguments], cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False)
    assert is_one_line(done, f"edge-camera: {Path(arguments[-1])}: ", "inference.url")


@pytest.mark.parametrize(
    "command", [["--version"], ["replay", "--help"], ["discover", "--help"], ["analyse", "--help"]]
)
def test_no_command_waits_for_anothers_libraries(command: list[str]) -> None:
    heavy = {"cv2", "flask", "numpy", "urllib3", "prometheus_client", "granian", "wsdiscovery", "paho"}
    # Its percentiles.
    heavy -= {"numpy"} if command[0] == "analyse" else set()
    code = (
        "import sys\nfrom edge_camera.main import main\n"
        f"try: main({command!r}, {{}})\nexcept SystemExit: pass\n"
        f"print(sorted({heavy!r} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param(["replay", "EMPTY"], ["replay: ", "want the folder of a spool"], id="no-spool"),
        pytest.param(["replay", "EMPTY/none"], ["want the folder of a spool"], id="no-folder"),
        pytest.param(["analyse", "EMPTY"], ["analyse: ", "want the folder of a spool"], id="analyse-no-spool"),
        pytest.param(["replay"], ["SPOOL"], id="nothing"),
        pytest.param(["replay", "SPOOL", "--since", "soon"], ["--since", "want a time", "'soon'"], id="time"),
        pytest.param(["replay", "SPOOL", "--kind", "odd"], ["--kind", "detection"], id="kind"),
        pytest.param(["replay", "SPOOL", "--limit", "0"], ["--limit", "from 1", "'0'"], id="limit"),
        pytest.param(["replay", "SPOOL", "--lim", "1"], ["unrecognized", "--lim"], id="cut-off-flag"),
        pytest.param(["replay", "SPOOL", "--to", "EMPTY/none"], ["none", "no such file"], id="no-config"),
        pytest.param(["replay", "SPOOL", "--to", "NOSINK"], ["sinks", "stdout, mqtt, webhook or file"], id="no-sink"),
        pytest.param(
            ["replay", "SPOOL", "--to", "BADSINK"], ["sinks.file.path", "a folder that exists"], id="bad-sink"
        ),
        pytest.param(["analyse", "SPOOL", "--gap", "x"], ["--gap", "a number", "'x'"], id="gap"),
        pytest.param(["discover", "--timeout", "0"], ["--timeout", "'0'"], id="timeout"),
        pytest.param(["discover", "--interface", "eth0"], ["--interface", "IPv4 address"], id="interface"),
        pytest.param(["discover", "--interface", "192.0.2.250"], ["192.0.2.250", "--interface"], id="not-ours"),
        pytest.param(["discover", "--target", "10.0.0.1:x"], ["--target", "ADDR:PORT"], id="target"),
        pytest.param(["discover", "--toml", "--json"], ["not allowed with"], id="two-forms"),
        pytest.param(["analyze"], ["analyze: no such file", "; commands are check, discover, replay"], id="mistyped"),
        pytest.param(["replya", "SPOOL", "--since", "2h"], ["replya: no", "; commands are "], id="mistyped-with-more"),
    ],
)
def test_a_fault_is_one_line(tmp_path: Path, arguments: list[str], words: list[str]) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "nosink.toml").write_text(SINKS)
    (tmp_path / "badsink.toml").write_text(SINKS + '[sinks.file]\npath = "/nowhere/at/all"\n')
    with _spool(tmp_path / "spool", 3):
        places = {
            "EMPTY": tmp_path / "empty", "SPOOL": tmp_path / "spool",
            "NOSINK": tmp_path / "nosink.toml", "BADSINK": tmp_path / "badsink.toml",
        }  # fmt: skip
        for name, path in places.items():
            arguments = [str(path) + one.removeprefix(name) if one.startswith(name) else one for one in arguments]
        done = run(*arguments)
    assert is_one_line(done, *words), done


@pytest.mark.parametrize("path", ["./analyze", "cameras.toml"])
def test_a_path_is_no_mistyped_command(tmp_path: Path, path: str) -> None:
    done = subprocess.run([PROGRAM, path], cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False)
    assert is_one_line(done, "no such file") and "commands" not in done.stderr


@pytest.mark.parametrize("command", ["replay", "analyse"])
def test_a_full_disk_behind_stdout_is_one_line(tmp_path: Path, command: str) -> None:
    with _spool(tmp_path, 300), Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [PROGRAM, command, str(tmp_path)], stdout=full, stderr=subprocess.PIPE, text=True, timeout=30, check=False
        )
    assert (done.returncode, done.stderr) == (2, f"edge-camera {command}: no space left on device\n")


def test_plots_that_have_no_place_are_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with _spool(tmp_path / "spool", 3):
        done = run("analyse", tmp_path / "spool", "--png", tmp_path / "file")
    assert done.returncode == 2
    assert done.stderr == f"edge-camera analyse: {tmp_path / 'file'}: file exists\n"


def test_a_reader_that_has_seen_enough_is_no_fault(tmp_path: Path) -> None:
    with _spool(tmp_path, 3000):
        process = subprocess.Popen([PROGRAM, "replay", str(tmp_path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        with process:
            assert process.stdout is not None and process.stderr is not None
            jsonschema.validate({**json.loads(process.stdout.readline())}, SCHEMA)
            process.stdout.close()
            assert process.stderr.read() == b""
        assert process.returncode == 0


def test_ctrl_c_is_no_traceback(tmp_path: Path) -> None:
    with _spool(tmp_path, 3000):
        process = subprocess.Popen([PROGRAM, "replay", str(tmp_path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        with process:
            assert process.stdout is not None and process.stderr is not None
            process.stdout.readline()
            # It stands in a write: nobody empties the pipe.
            process.send_signal(signal.SIGINT)
            process.stdout.close()
            assert b"Traceback" not in process.stderr.read()
        assert process.returncode in {0, 130}


def test_it_reads_while_the_owner_writes_and_drops(tmp_path: Path) -> None:
    stop = threading.Event()
    with _spool(tmp_path, 1000, max_bytes=1 << 20) as bench:

        def write() -> None:
            number = 1000
            while not stop.is_set():
                bench.spool.append_many(spooled([event(number + offset) for offset in range(50)]))
                bench.spool.tick()
                number += 50

        writer = threading.Thread(target=write)
        writer.start()
        try:
            got = [run("replay", tmp_path) for _ in range(3)]
        finally:
            stop.set()
            writer.join(30)
    for done in got:
        assert (done.returncode, done.stderr) == (0, "")
        times = [json.loads(line)["captured_at"] for line in done.stdout.splitlines()]
        assert len(times) > 100 and times == sorted(times)


class _Receiver(BaseHTTPRequestHandler):
    bodies: list[bytes]
    answers: list[int]

    def do_POST(self) -> None:
        self.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(self.answers.pop(0) if self.answers else 204)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


def test_it_sends_to_the_sinks_of_a_config_and_tries_again(tmp_path: Path) -> None:
    class Receiver(_Receiver):
        bodies: list[bytes] = []  # noqa: RUF012 - one of its own for this test
        answers = [500]  # noqa: RUF012

    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    config = tmp_path / "cameras.toml"
    config.write_text(
        f'{SINKS}spool = {{path = "{tmp_path}/other"}}\nfile = {{path = "{tmp_path}/out.jsonl"}}\n'
        f'webhook = {{url = "http://127.0.0.1:{server.server_port}/events"}}\n'
    )
    try:
        with _spool(tmp_path / "spool", 600):
            wanted = run("replay", tmp_path / "spool").stdout
            done = run("replay", tmp_path / "spool", "--to", config)
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()
    assert (done.returncode, done.stdout) == (0, "")
    assert "delivered: webhook 600, file 600" in done.stderr
    assert (tmp_path / "out.jsonl").read_text() == wanted
    got = [one for body in Receiver.bodies[1:] for one in json.loads(body)]
    assert got == [json.loads(line) for line in wanted.splitlines()]


def test_to_stdout(tmp_path: Path) -> None:
    config = tmp_path / "cameras.toml"
    config.write_text(SINKS + "stdout = true\n")
    with _spool(tmp_path / "spool", 20):
        done = run("replay", tmp_path / "spool", "--to", config, "--limit", "5")
        assert done.stdout == run("replay", tmp_path / "spool", "--limit", "5").stdout
    assert done.stderr == "edge-camera replay: delivered: stdout 5\n"


def test_the_pods_own_spool(tmp_path: Path) -> None:
    """A pod that looks at one moving square for 60 frames, then what its spool says of that."""
    clip = write_clip(tmp_path / "clip.mp4", frames=60, fps=30)
    (tmp_path / "reports").mkdir()
    with model_server() as server, audited(tmp_path / "reports"):
        config = tmp_path / "cameras.toml"
        config.write_text(
            f'[inference]\nurl = "{server.url}"\nmodel = "square-detector"\ndeadline_ms = 30000\n'
            f'[[camera]]\nname = "dock-3"\nurl = "{clip}"\nspeed = "fast"\nfps = 30\nkeepalive_s = 0.5\n'
            f'[sinks]\nspool = {{path = "{tmp_path / "spool"}"}}\n'
        )
        flags = ["--exit-at-end", "true", "--port", "0", "--metrics-port", "0", "--host", "127.0.0.1"]
        assert run(config, *flags).returncode == 0
    events = [json.loads(line) for line in run("replay", tmp_path / "spool").stdout.splitlines()]
    for one in events:
        jsonschema.validate(one, SCHEMA)
    found = json.loads(run("analyse", tmp_path / "spool", "--json").stdout)
    tracks = {one["track"] for told in events if told["kind"] == "detection" for one in told["answers"]}
    assert found["events"] == len(events) > 3 and found["unreadable"] == 0
    assert [(row["label"], row["seen"]) for row in found["classes"]] == [("square", len(tracks))]
    assert sum(row["seen"] for row in found["hours"]) == len(tracks)


def test_analyse_as_text_and_pictures(tmp_path: Path) -> None:
    with _spool(tmp_path / "spool", 100) as bench:
        bench.spool.append_many(spooled([event(400, answers=[answer("person", 0.5)])]))
        done = run("analyse", tmp_path / "spool", "--gap", "60", "--png", tmp_path / "plots")
    assert (done.returncode, done.stderr) == (0, f"{tmp_path}/plots/dock-3.png\n")
    lines = [line.split() for line in done.stdout.splitlines()]
    assert ["dock-3", "parcel", "100", "100", "0.900", "0.900", "0.900", "0.900"] in lines
    assert ["2026-11-20T21:00Z", "dock-3", "person", "1"] in lines
    assert "gaps over 60 s: 1, together 301.0 s" in done.stdout
    assert (tmp_path / "plots" / "dock-3.png").read_bytes().startswith(b"\x89PNG")


def test_discover_by_multicast() -> None:
    def answers(asked: str) -> list[bytes]:
        broken = [b"garbage", matches("x", asked)[:-9], matches("x", asked).replace(b"a:Action>", b"a:Other>")]
        printer = matches("printer", asked, types="wprt:PrintDeviceType", scopes="ldap:///ou=floor2")
        cameras = [
            matches("1", asked, name="Dock%203", hardware="IPC-5M", addresses="http://127.0.0.1/onvif/device_service"),
            matches("2", asked, name="Belt", addresses="http://10.1.1.9:8000/onvif/device_service"),
        ]
        return [*broken, printer, *cameras, *cameras]

    with responder(answers, multicast=True) as told:
        done = run("discover", "--interface", "127.0.0.1", "--timeout", "2.5", "--json")
    found = json.loads(done.stdout)
    assert [(one["name"], one["address"], one["model"], one["kind"]) for one in found] == [
        ("Belt", "10.1.1.9", "IPC-1", "onvif"), ("Dock 3", "127.0.0.1", "IPC-5M", "onvif"),
    ]  # fmt: skip
    assert found[0]["service"] == "http://10.1.1.9:8000/onvif/device_service"
    assert {host for host, _ in told.askers} == {"127.0.0.1"}
    # Another run of the tests on this machine may hear the question, and answer too.
    said = re.fullmatch(r"(?s)\S+ discover: (\d+) broken replies ignored\n\S+ discover: (\d+) other.*\n", done.stderr)
    assert said is not None, done.stderr
    broken, others = map(int, said.groups())
    assert broken == 3 * others and others >= 6 <= len(told.asked)


def test_discover_prints_a_table_and_toml() -> None:
    with responder(lambda asked: [matches("1", asked, name="Dock%203")]) as told:
        common = ["discover", "--interface", "127.0.0.1", "--target", f"127.0.0.1:{told.port}", "--timeout", "1"]
        rows = run(*common).stdout.splitlines()
        toml = run(*common, "--toml").stdout
    assert rows[0].split() == ["name", "address", "model", "kind", "note"]
    assert rows[1].split() == ["Dock", "3", "192.0.2.7", "IPC-1", "onvif", "http://192.0.2.7/onvif/device_service"]
    assert 'name = "dock-3"\nurl = "rtsp://192.0.2.7:554/"  # add the path of its stream' in toml


def test_discover_ends_in_time_when_nobody_answers() -> None:
    with responder(lambda _: []) as told:
        begun = time.monotonic()
        done = run("discover", "--interface", "127.0.0.1", "--target", f"127.0.0.1:{told.port}", "--timeout", "1.5")
        took = time.monotonic() - begun
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "no cameras found\n")
    assert 1.5 <= took < 10
    assert len(told.asked) == 6


def test_without_the_library_it_says_what_to_install() -> None:
    code = "import sys; sys.modules['wsdiscovery'] = None; from edge_camera.main import main; main(sys.argv[1:], {})"
    done = subprocess.run(
        [sys.executable, "-c", code, "discover"], capture_output=True, text=True, timeout=30, check=False
    )
    assert is_one_line(done, "pip install -e services/common -e 'services/camera_ingest[discover]' in a checkout")
    local = subprocess.run(
        [sys.executable, "-c", code, "discover", "--local"], capture_output=True, text=True, timeout=30, check=False
    )
    assert local.returncode == 0
