"""README and schema of each chart say what its values.yaml says; every item of the checklist has an answer."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

CHARTS = Path(__file__).parents[2] / "charts"
PAGES = [CHARTS / "README.md", *CHARTS.glob("*/README.md")]
pytestmark = pytest.mark.charts


def _docs(script: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(script), *arguments], capture_output=True, text=True, timeout=60, check=False
    )


def _copy(target: Path) -> Path:
    for path in CHARTS.rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts and "templates" not in path.parts:
            copy = target / "charts" / path.relative_to(CHARTS)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
    return target / "charts"


def test_made_files_are_as_made() -> None:
    done = _docs(CHARTS / "docs.py", "--check")
    assert done.returncode == 0, done.stderr


def test_drift_is_told_and_mended(tmp_path: Path) -> None:
    charts = _copy(tmp_path)
    values = charts / "edge-inference/values.yaml"
    values.write_text(values.read_text(encoding="utf-8").replace("replicas: 1", "replicas: 2"), encoding="utf-8")
    told = _docs(charts / "docs.py", "--check")
    assert told.returncode == 1
    assert "charts/edge-inference/README.md differs: run `python charts/docs.py`" in told.stderr
    assert "camera-ingest" not in told.stderr
    assert _docs(charts / "docs.py").returncode == 0
    assert _docs(charts / "docs.py", "--check").returncode == 0


@pytest.mark.parametrize(
    ("line", "told"),
    [
        pytest.param("bare: 1\n", "bare: want a comment", id="no-comment"),
        pytest.param("# -- A map.\nempty: {}\n", "empty: want a `# @schema", id="no-schema"),
    ],
)
def test_a_value_without_its_words_is_refused(tmp_path: Path, line: str, told: str) -> None:
    charts = _copy(tmp_path)
    with (charts / "camera-ingest/values.yaml").open("a", encoding="utf-8") as file:
        file.write("\n" + line)
    done = _docs(charts / "docs.py")
    assert done.returncode == 2
    assert told in done.stderr and len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("chart", ["edge-inference", "camera-ingest", "edge-monitoring"])
def test_every_item_of_the_checklist_is_on_the_page(chart: str) -> None:
    rows = re.findall(
        r"^\| (\d+) \| .+ \| (done|elsewhere|left out) \| .+ \|$", (CHARTS / chart / "README.md").read_text(), re.M
    )
    assert [int(number) for number, _ in rows] == list(range(1, 73))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(CHARTS)))
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?://)([^)#\s]+)", page.read_text(encoding="utf-8"))
    assert links
    assert [link for link in links if not (page.parent / link).exists()] == []
