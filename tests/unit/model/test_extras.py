"""What brings a framework is told as a command that installs this repository's edgectl, and nobody else's."""

from __future__ import annotations

import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgectl.model.convert.open import require
from edgectl.model.errors import ModelError

ROOT = Path(__file__).parents[3]
# A distribution of ours by its bare name: an index would answer with a stranger's.
_BARE = re.compile(r"(?<!services/)\bedge(?:ctl|-\w+)\[|pip install (?:-\S+ )*[\"']?edge[\w-]+")


def _texts() -> Iterator[Path]:
    yield ROOT / "README.md"
    yield from (ROOT / "docs").rglob("*.md")
    yield from (ROOT / "models").glob("*/*.md")
    yield from (ROOT / "services").rglob("*.py")


def test_no_text_installs_it_by_its_bare_name() -> None:
    found = [str(path) for path in _texts() if _BARE.search(path.read_text(encoding="utf-8"))]
    assert found == []


@pytest.mark.parametrize(
    "text",
    [
        "pip install 'edgectl[keras]'",
        "install edgectl[keras]",
        "pip install edgectl",
        "the extra edge-camera[discover]",
    ],
)
def test_such_a_text_would_be_found(text: str) -> None:
    assert _BARE.search(text)


def test_the_error_has_a_command_that_a_shell_takes() -> None:
    with pytest.raises(ModelError) as told:
        require("m.keras", "keras", "no_such_framework")
    command = re.search(r"found no such package: (pip install .*) in a checkout of edge-serve$", str(told.value))
    assert command is not None
    words = subprocess.run(["bash", "-c", f"printf '%s\\n' {command[1]}"], capture_output=True, text=True, check=True)
    given = words.stdout.split()
    assert given == ["pip", "install", "-e", "services/common", "-e", "services/edgectl[keras]"]
    project = tomllib.loads((ROOT / "services/edgectl/pyproject.toml").read_text())["project"]
    assert "keras" in project["optional-dependencies"] and (ROOT / given[3] / "pyproject.toml").is_file()
