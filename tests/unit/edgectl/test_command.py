"""The command itself: help, version, exit codes, and a start that waits for nothing heavy."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import get_args

from typer.testing import CliRunner

from edge_common import manifest
from edgectl.bundle import flags
from edgectl.main import app
from edgectl_support import Run


def test_help_and_version() -> None:
    runner = CliRunner()
    assert "bundle" in runner.invoke(app, ["--help"]).output
    assert "edgectl bundle create pump.onnx" in " ".join(
        runner.invoke(app, ["bundle", "create", "--help"]).output.split()
    )
    assert runner.invoke(app, ["--version"]).output.startswith("edgectl 0.")
    assert runner.invoke(app, ["bundel"]).exit_code == 2


def test_tasks_are_the_manifests() -> None:
    assert get_args(flags.Task) == get_args(manifest.Task)


def test_the_real_command(bundle: Path, tmp_path: Path) -> None:
    command = [str(Path(sys.executable).parent / "edgectl"), "bundle", "check"]
    good = subprocess.run([*command, bundle], capture_output=True, text=True, timeout=60, check=False)
    assert (good.returncode, good.stderr) == (0, "")
    bad = subprocess.run([*command, tmp_path / "none"], capture_output=True, text=True, timeout=60, check=False)
    assert (bad.returncode, bad.stdout) == (2, "")
    assert (
        bad.stderr == f"edgectl: {tmp_path / 'none'}: want a bundle directory or an .onnx file, found nothing there\n"
    )


def test_help_waits_for_no_heavy_library() -> None:
    code = (
        "import sys; sys.argv = ['edgectl', 'bundle', '--help']\n"
        "from edgectl.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print([name for name in ('numpy', 'onnx', 'onnxruntime', 'urllib3') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_an_error_is_one_printable_line_whatever_files_are_called(tmp_path: Path, run: Run) -> None:
    code, _, err = run("bundle", "check", tmp_path / "a\nb\x1b[31m")
    assert code == 2 and "a\\nb\\x1b[31m" in err and err.count("\n") == 1
