"""One measured setup, and the table of all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from edgectl.model.cost import percentiles

if TYPE_CHECKING:
    from rich.table import Table

INSIDE, SERVICE = "process", "service"


@dataclass(frozen=True, slots=True)
class Row:
    """Times in milliseconds of one run, `per_s` in inputs (runs x batch) of one caller; None is not known here.

    In process, `load_ms` is the opening of the session and `pss_mb` (10^6) what the model adds to a process that has
    imported ONNX Runtime. Of a service they are from exec to ready, and all of its process.
    `throttled` is the share of the limit's periods in which the limit held it up.
    """

    way: str
    threads: int | None
    cpus: float | None
    batch: int
    load_ms: float | None
    pss_mb: float | None
    runs: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    per_s: float
    throttled: float | None = None

    def facts(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return asdict(self)


def timed(nanoseconds: Sequence[int], batch: int) -> dict[str, Any]:
    """Return the fields of a Row that the times of its runs decide."""
    p50, p95, p99 = percentiles(nanoseconds)
    per_s = batch * len(nanoseconds) * 1e9 / sum(nanoseconds)
    return {
        "batch": batch,
        "runs": len(nanoseconds),
        "p50_ms": p50,
        "p95_ms": p95,
        "p99_ms": p99,
        "per_s": per_s,
    }


def label(row: Row, rows: Sequence[Row]) -> str:
    """Return the setup of `row` in words, without what all `rows` have in common."""
    parts = [f"{row.threads} thread{'s' if row.threads != 1 else ''}" if row.threads else "as it runs"]
    if any(other.cpus for other in rows) and row.threads:
        parts.append(f"{row.cpus:g} CPU" if row.cpus else "all CPUs")
    if len({other.batch for other in rows}) > 1:
        parts.append(f"batch {row.batch}")
    return ", ".join(parts)


def table(rows: Sequence[Row], title: str) -> Table:
    """Return the rows as a person reads them, without columns that say nothing."""
    from rich import box
    from rich.table import Table

    # As narrow as it goes: ten columns are to fit a terminal of 80.
    made = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    columns = [
        column
        for column in _columns(any(row.batch != 1 for row in rows))
        if any(column[2](row) for row in rows) or column[0] == "way"
    ]
    for name, justify, _ in columns:
        made.add_column(name, justify="right" if justify else "left", no_wrap=True)
    for row in rows:
        made.add_row(*(shown(row) or "-" for _, _, shown in columns))
    return made


def _columns(batches: bool) -> list[tuple[str, bool, Callable[[Row], str]]]:
    """Name, whether it is a number, and what it shows of a row ("" for nothing)."""
    return [
        ("way", False, lambda row: row.way),
        ("threads", True, lambda row: str(row.threads or "")),
        ("CPUs", True, lambda row: f"{row.cpus:g}" if row.cpus else ""),
        ("batch", True, lambda row: str(row.batch) if batches else ""),
        ("load\nms", True, lambda row: figure(row.load_ms) if row.load_ms is not None else ""),
        ("PSS\nMB", True, lambda row: figure(row.pss_mb) if row.pss_mb is not None else ""),
        ("p50\nms", True, lambda row: figure(row.p50_ms)),
        ("p95\nms", True, lambda row: figure(row.p95_ms)),
        ("p99\nms", True, lambda row: figure(row.p99_ms)),
        ("inputs\n/s", True, lambda row: figure(row.per_s)),
        ("held\nup", True, lambda row: f"{row.throttled:.0%}" if row.throttled is not None else ""),
    ]


def figure(value: float) -> str:
    """Return a number with three digits, whatever its size, so that 8 us and 3 s both show."""
    digits = 0 if value >= 100 else 1 if value >= 10 else 2 if value >= 1 else 3 if value >= 0.01 else 4
    return f"{value:,.{digits}f}"
