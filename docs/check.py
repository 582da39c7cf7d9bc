"""`make docs-check`: run every command that the guides to `edgectl model`, `bundle` and `image` print.

Each page is read from top to bottom and its ```sh blocks run one after the other, in a copy of the repository that the
page may change. A page with `<!-- needs: COMMAND -->` is run where that command succeeds, else named. A block after
the comment `<!-- not run: WHY -->` is only named. `<!-- exits N -->` says that the block's last command is meant to end
with N.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
# A block that trains nothing ends within this on a slow gateway, too.
BLOCK_S = 300
_NEEDS = re.compile(r"^<!-- needs: (.*?) -->$", re.MULTILINE)
_BLOCK = re.compile(r"(?:^<!-- (not run|exits)(?:: | )?([^\n]*?) -->\n+)?^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# Made by tools in a checkout, and not part of it.
_NOT_COPIED = (".git", ".venv", ".train", ".bench", "__pycache__", ".mypy_cache", ".ruff_cache", ".hypothesis")


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block: its commands, the exit code of the last, or why it is not run."""

    text: str
    code: int = 0
    not_run: str = ""


def blocks(page: Path) -> Iterator[Block]:
    """Yield the ```sh blocks of a page in their order."""
    for kind, said, text in _BLOCK.findall(page.read_text(encoding="utf-8")):
        yield Block(text, int(said) if kind == "exits" else 0, said if kind == "not run" else "")


def pages(named: list[Path]) -> list[Path]:
    """Return the pages to run: those named, else every guide of docs/models and docs/bundle.md."""
    return named or [*sorted((ROOT / "docs/models").glob("*.md")), ROOT / "docs/bundle.md"]


def lacks(page: Path) -> str:
    """Return the command that a page needs and that fails here; empty when there is none."""
    found = _NEEDS.search(page.read_text(encoding="utf-8"))
    if found is None or not subprocess.run(["bash", "-c", found[1]], capture_output=True, check=False).returncode:
        return ""
    return found[1]


def run(block: Block, folder: Path) -> str:
    """Run a block in `folder`; return what was wrong, empty when it ended as it should."""
    # What this program runs on comes first on PATH: the guides say `edgectl`.
    env = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    script = ["bash", "-euo", "pipefail", "-c", block.text]
    try:
        done = subprocess.run(script, cwd=folder, env=env, capture_output=True, text=True, timeout=BLOCK_S, check=False)
    except subprocess.TimeoutExpired:
        return f"no end after {BLOCK_S} s:\n{block.text}"
    if done.returncode == block.code:
        return ""
    return (
        f"want exit code {block.code}, found {done.returncode}:\n{block.text}{done.stdout[-2000:]}{done.stderr[-4000:]}"
    )


def check(page: Path) -> int:
    """Run a page in a fresh copy; print a line a page and the faults; return how many."""
    if needed := lacks(page):
        print(f"{page.relative_to(ROOT)}: not run: it needs what this asks for: {needed}", flush=True)
        return 0
    faults, ran, left = 0, 0, []
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / ROOT.name
        shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(*_NOT_COPIED), symlinks=True)
        for block in blocks(page):
            if block.not_run:
                left.append(block.not_run)
                continue
            ran += 1
            if fault := run(block, folder):
                faults += 1
                print(f"{page.relative_to(ROOT)}: {fault}", file=sys.stderr)
                break
    notes = "".join(f"; not run: {why}" for why in left)
    print(f"{page.relative_to(ROOT)}: {ran} blocks, {time.monotonic() - began:.0f} s{notes}", flush=True)
    return faults


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pages", nargs="*", type=Path, help="pages to run (default: docs/models/*.md, docs/bundle.md)")
    found = [page.resolve() for page in pages(parser.parse_args().pages)]
    sys.exit(1 if sum(check(page) for page in found) else 0)


if __name__ == "__main__":
    main()
