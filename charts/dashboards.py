"""Make charts/edge-monitoring/dashboards/*.json from boards/: `python charts/dashboards.py [--check]`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from boards.build import to_json
from boards.cameras import CAMERAS
from boards.gateway import GATEWAY
from boards.models import MODELS

FOLDER = Path(__file__).parent / "edge-monitoring" / "dashboards"
BOARDS = {"models": MODELS, "cameras": CAMERAS, "gateway": GATEWAY}


def main(arguments: Sequence[str]) -> int:
    """Write the files, or with --check only tell which differ; 1 when one does."""
    if list(arguments) not in ([], ["--check"]):
        print("usage: python charts/dashboards.py [--check]", file=sys.stderr)
        return 2
    made = {FOLDER / f"{name}.json": to_json(board) for name, board in BOARDS.items()}
    stale = [path for path, text in made.items() if not path.is_file() or path.read_text(encoding="utf-8") != text]
    for path in stale:
        if arguments:
            print(f"{path} differs: run `python charts/dashboards.py`", file=sys.stderr)
        else:
            path.write_text(made[path], encoding="utf-8")
    return 1 if stale and arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
