"""What the guides tell you to run is there: make's targets, the scripts, and the options that they are given."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GUIDES = sorted(page for each in ("*.md", "docs/*.md", "*/README.md", "charts/*/README.md") for page in ROOT.glob(each))
TARGETS = re.findall(r"^([a-z0-9-]+):.*## ", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
SCRIPTS = ("k3s/install.sh", "k3s/fetch.sh", "k3s/airgap.py", "charts/docs.py", "Dockerfiles/build.py")
each_guide = pytest.mark.parametrize("page", GUIDES, ids=lambda page: str(page.relative_to(ROOT)))


def blocks(page: Path) -> str:
    """Return all that a page prints to be typed: its fenced blocks, and code within sentences."""
    text = page.read_text(encoding="utf-8")
    fenced = [block for kind, block in re.findall(r"^```(\w*)\n(.*?)^```$", text, re.M | re.S) if kind in ("", "sh")]
    return "\n".join([*fenced, *re.findall(r"`([^`\n]+)`", text)]).replace("\\\n", " ")


def test_make_help_lists_every_target_that_says_what_it_does() -> None:
    if shutil.which("make") is None:
        pytest.skip("no make on PATH")
    done = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    assert re.findall(r"^  make (\S+)", done.stdout, re.MULTILINE) == TARGETS


@each_guide
def test_targets_are_in_the_makefile(page: Path) -> None:
    named = re.findall(r"^(?:[A-Z_]+=\S+ )*make ([a-z][a-z0-9-]*)", blocks(page), re.MULTILINE)
    assert [name for name in named if name not in TARGETS] == []


@each_guide
def test_scripts_know_the_options_they_are_given(page: Path) -> None:
    for line in blocks(page).splitlines():
        for script in SCRIPTS:
            _, found, given = line.partition(script.rsplit("/", 1)[-1] + " ")
            text = (ROOT / script).read_text(encoding="utf-8") if found else ""
            # typer makes its options from the names of arguments.
            assert [word for word in re.findall(r"(?:^|\s)--([a-z-]+)", given) if found and word not in text] == [], (
                line
            )
