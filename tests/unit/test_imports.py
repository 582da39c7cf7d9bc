"""The import rule, read from the sources: the library knows no service, and no service knows another."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SERVICES = Path(__file__).parents[2] / "services"
PACKAGES = {
    "edge_common": "common",
    "edge_inference": "inference",
    "edge_camera": "camera_ingest",
    "edgectl": "edgectl",
}
HEAVY = {"flask", "werkzeug", "cv2", "onnxruntime", "onnx", "PIL"}


def _imported(file: Path) -> Iterator[str]:
    """Top-level names of everything imported anywhere in `file`, inside functions too."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative import"
            yield (node.module or "").partition(".")[0]


def _sources(package: str) -> list[Path]:
    files = sorted((SERVICES / PACKAGES[package] / "src" / package).rglob("*.py"))
    assert files, f"no sources of {package}"
    return files


@pytest.mark.parametrize("package", PACKAGES)
def test_who_may_import_whom(package: str) -> None:
    forbidden = PACKAGES.keys() - {package, "edge_common"}
    if package == "edge_common":
        forbidden |= HEAVY
    found = [(file.name, name) for file in _sources(package) for name in _imported(file) if name in forbidden]
    assert found == []


def test_loading_the_library_loads_none_of_the_heavy_ones() -> None:
    """Through others' imports either, which the sources do not show."""
    modules = sorted(f"edge_common.{file.stem}" for file in _sources("edge_common") if file.stem != "__init__")
    code = f"import sys, {', '.join(modules)}; print(sorted({HEAVY!r} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


def test_health_answers_before_onnx_runtime_is_loaded() -> None:
    code = "import sys, edge_inference.main; print({'onnxruntime', 'flask', 'PIL'} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "set()"
