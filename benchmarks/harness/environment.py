"""MLServer's own environment, made on first use: its dependencies are none of the product's business."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

_INSTALL_LIMIT_S = 300


def mlserver_python(folder: Path, requirements: Path) -> Path:
    """Return the environment's Python; install what `requirements` pins unless it is there already."""
    python = folder / "bin" / "python"
    stamp = folder / "installed.txt"
    if stamp.is_file() and stamp.read_text() == requirements.read_text():
        return python
    uv = str(Path(sys.executable).with_name("uv"))
    env = os.environ | {"VIRTUAL_ENV": str(folder)}
    steps = (
        [uv, "venv", "--quiet", "--allow-existing", "--python", sys.executable, str(folder)],
        [uv, "pip", "install", "--quiet", "--compile-bytecode", "-r", str(requirements)],
    )
    for step in steps:
        done = subprocess.run(step, env=env, timeout=_INSTALL_LIMIT_S, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{folder}: {done.stderr.strip()[-600:]}; --no-mlserver leaves this yardstick out")
    stamp.write_text(requirements.read_text())
    return python


def mlserver_versions(python: Path) -> str:
    """Return "MLServer x, onnxruntime y, ..." of that environment."""
    code = (
        "from importlib.metadata import version\n"
        "print(', '.join(f'{n} {version(n)}' for n in ('mlserver', 'onnxruntime', 'fastapi', 'uvicorn', 'uvloop')))"
    )
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    return done.stdout.strip()
