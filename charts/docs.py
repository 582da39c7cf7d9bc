"""Make each chart's README.md and values.schema.json from its values.yaml: `python charts/docs.py [--check]`.

README.md is README.in.md with two tables filled in: the values, and the checklist of checklist.toml.
"""

from __future__ import annotations

import json
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from chart_values import DocsError, Value, read_values, schema_of
from quantities import QUANTITIES
from service_schemas import GENERATED

HERE = Path(__file__).parent
CHARTS = ("edge-inference", "camera-ingest", "edge-monitoring")
STATES = ("done", "elsewhere", "left out")
_NOTE = "<!-- Made by charts/docs.py from README.in.md, values.yaml and checklist.toml. Do not edit. -->\n"
# A default longer than this is better read in values.yaml.
_SHOWN = 60


def main(arguments: Sequence[str]) -> int:
    """Write the files, or with --check only tell which differ; 1 when one does."""
    if list(arguments) not in ([], ["--check"]):
        print("usage: python charts/docs.py [--check]", file=sys.stderr)
        return 2
    try:
        made = {path: text for chart in CHARTS for path, text in render(HERE / chart).items()}
    except DocsError as exc:
        print(f"docs.py: {exc}", file=sys.stderr)
        return 2
    stale = [path for path, text in made.items() if not path.is_file() or path.read_text(encoding="utf-8") != text]
    for path in stale:
        if arguments:
            print(f"{path.relative_to(HERE.parent)} differs: run `python charts/docs.py`", file=sys.stderr)
        else:
            path.write_text(made[path], encoding="utf-8")
    return 1 if stale and arguments else 0


def render(chart: Path) -> dict[Path, str]:
    """Return the made files of one chart.

    Raises:
        DocsError: values.yaml, checklist.toml or README.in.md is not as it has to be.
    """
    values = read_values(chart / "values.yaml")
    page = (chart / "README.in.md").read_text(encoding="utf-8")
    for marker, table in (
        ("<!-- values -->", values_table(values)),
        ("<!-- checklist -->", checklist_table(chart.name)),
    ):
        if page.count(marker) != 1:
            raise DocsError(f"{chart / 'README.in.md'}: want {marker} once")
        page = page.replace(marker, table.rstrip())
    title, _, rest = page.partition("\n")
    schema = json.dumps(schema_of(values, GENERATED | QUANTITIES), indent=2) + "\n"
    return {chart / "README.md": f"{title}\n\n{_NOTE}{rest}", chart / "values.schema.json": schema}


def values_table(values: Sequence[Value]) -> str:
    """Return the Markdown table of all values."""
    rows = ["| value | default | what it does |", "|---|---|---|"]
    for value in (each for top in values for each in top.walk()):
        if value.comment:
            shown = "" if value.children else _shown(value.default)
            rows.append(f"| `{value.dotted}` | {shown} | {_cell(value.comment)} |")
    return "\n".join(rows) + "\n"


def _shown(default: Any) -> str:
    text = json.dumps(default)
    return f"`{text}`" if len(text) <= _SHOWN else "see values.yaml"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def checklist() -> list[dict[str, Any]]:
    """Return the items of checklist.toml: number, text, and for each chart a state and where or why."""
    with (HERE / "checklist.toml").open("rb") as file:
        items: list[dict[str, Any]] = tomllib.load(file)["item"]
    for number, item in enumerate(items, 1):
        for chart in CHARTS:
            state, _, why = item.get(chart, "").partition(": ")
            if item.get("number") != number or state not in STATES or not why:
                raise DocsError(
                    f"checklist.toml: item {number}: {chart}: want one of {', '.join(STATES)}, then `: why`"
                )
    return items


def checklist_table(chart: str) -> str:
    """Return the Markdown table of the checklist for one chart."""
    rows = ["| | item | state | where, or why not |", "|---|---|---|---|"]
    for item in checklist():
        state, _, why = item[chart].partition(": ")
        rows.append(f"| {item['number']} | {_cell(item['text'])} | {state} | {_cell(why)} |")
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
