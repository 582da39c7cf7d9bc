"""Draw the dashboards from a running Prometheus, where Grafana itself cannot be had: a PNG each."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from boards.picture import draw
from boards.queries import NoAnswerError, Prometheus
from dashboards import FOLDER


def main(arguments: Sequence[str]) -> int:
    """Draw; 2 when Prometheus does not answer."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", help="of Prometheus, as http://127.0.0.1:9090")
    parser.add_argument("--minutes", type=float, default=30, help="of the past that are shown (default: 30)")
    parser.add_argument("--rate-interval", type=int, default=60, help="Grafana's $__rate_interval in s (default: 60)")
    parser.add_argument("--output", type=Path, default=Path("docs/pictures"), help="folder (default: docs/pictures)")
    chosen = parser.parse_args(arguments)
    end = time.time()
    chosen.output.mkdir(parents=True, exist_ok=True)
    try:
        for board in sorted(FOLDER.glob("*.json")):
            target = chosen.output / f"dashboard-{board.stem}.png"
            draw(board, Prometheus(chosen.url), end - 60 * chosen.minutes, end, chosen.rate_interval, target)
            print(target)
    except NoAnswerError as exc:
        print(f"dashboard_pictures.py: {exc}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
