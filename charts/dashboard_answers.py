"""Name every query of the dashboards that a running Prometheus has no data for."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence

from boards.queries import NoAnswerError, Prometheus, asked, panels, variables
from dashboards import FOLDER


def main(arguments: Sequence[str]) -> int:
    """Print `dashboard: panel: query` of each; 1 when there is one, 2 when Prometheus does not answer."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", help="of Prometheus, as http://127.0.0.1:9090")
    parser.add_argument("--minutes", type=float, default=30, help="of the past that are asked about (default: 30)")
    parser.add_argument("--rate-interval", type=int, default=60, help="Grafana's $__rate_interval in s (default: 60)")
    chosen = parser.parse_args(arguments)
    try:
        found = list(empty(Prometheus(chosen.url), 60 * chosen.minutes, chosen.rate_interval))
    except NoAnswerError as exc:
        print(f"dashboard_answers.py: {exc}", file=sys.stderr)
        return 2
    print(*found, sep="\n", end="\n" if found else "")
    return 1 if found else 0


def empty(prometheus: Prometheus, seconds: float, interval: int) -> Iterator[str]:
    """Yield the queries without any series in the last `seconds`.

    Raises:
        NoAnswerError: Prometheus did not answer, or refused a query.
    """
    end = time.time()
    for board in sorted(FOLDER.glob("*.json")):
        for panel in panels(board):
            for query in asked(panel, variables(board), int(seconds), interval):
                if not prometheus.ask(query, end - seconds, end):
                    yield f"{board.stem}: {query.panel}: {query.expr}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
