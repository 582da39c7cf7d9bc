"""The pages say what the code does: settings, metrics, errors, endpoints and links."""

from __future__ import annotations

import importlib.util
import re
import typing
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest
from msgspec import Struct

from edge_common import errors
from edge_common.manifest import Manifest
from edge_inference.metrics import OUTCOMES, SECONDS, STAGES, Recorder
from edge_inference.openapi import openapi

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
MORE = (ROOT / name for name in ("Dockerfiles", "charts", "k3s"))
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *(page for folder in MORE for page in folder.rglob("*.md"))])
LINK = re.compile(r"\]\((?!https?://)([^)#\s]*)(?:#([^)\s]*))?\)")


def _load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _anchors(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def _metrics() -> list[str]:
    suffix = {"counter": "_total"}
    return [family.name + suffix.get(family.type, "") for family in Recorder(["a"]).collect()]


def _error_rows() -> set[tuple[str, str]]:
    page = (DOCS / "inference-api.md").read_text(encoding="utf-8")
    return set(re.findall(r"^\| (\d{3}) \| `(\w+)` \|", page, re.MULTILINE))


def test_settings_page_is_made_from_the_settings() -> None:
    maker = _load(DOCS / "make_settings.py")
    found = (DOCS / "settings.md").read_text(encoding="utf-8")
    assert found == maker.render(), "docs/settings.md differs: run `python docs/make_settings.py`"


@pytest.mark.parametrize("page", ["metrics.md", "inference-api.md"])
def test_pages_name_exactly_the_metrics_that_are_exported(page: str) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    tables = "\n".join(line for line in text.splitlines() if line.startswith("|"))
    assert set(re.findall(r"`(edge_inference_\w+)`", tables)) == set(_metrics())


def test_metrics_page_names_every_label_value_and_bucket() -> None:
    text = (DOCS / "metrics.md").read_text(encoding="utf-8")
    assert [word for word in (*OUTCOMES, *STAGES) if f"`{word}`" not in text] == []
    listed = text.partition("Bucket edges of durations in seconds:")[2].partition(".\n\n")[0]
    assert tuple(float(number) for number in listed.replace("\n", " ").split(",")) == SECONDS


def test_error_table_is_exactly_the_error_classes() -> None:
    kinds: list[type[errors.EdgeError]] = [errors.EdgeError, *errors.EdgeError.__subclasses__()]
    assert _error_rows() == {(str(kind.status), kind.code) for kind in kinds}


def test_every_endpoint_of_the_openapi_document_is_on_the_page() -> None:
    text = (DOCS / "inference-api.md").read_text(encoding="utf-8").replace("{m}", "m")
    paths = [path.replace("{name}", "m") for path in openapi("m", "1", "s")["paths"] if "/versions/" not in path]
    missing = [path for path in paths if not path.endswith("/unload") and f"{path}`" not in text]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    broken = []
    for name, anchor in LINK.findall(page.read_text(encoding="utf-8")):
        target = page.parent / name if name else page
        if not target.exists() or (anchor and anchor not in _anchors(target)):
            broken.append(f"{name}#{anchor}")
    assert broken == []


def _keys(kind: Any, prefix: str = "") -> Iterator[str]:
    for field in msgspec.structs.fields(kind):
        default = None if field.default_factory is msgspec.NODEFAULT else field.default_factory
        options = (field.type, default, *typing.get_args(field.type))
        part = next((option for option in options if isinstance(option, type) and issubclass(option, Struct)), None)
        if part is None or prefix:
            yield prefix + field.name
        else:
            yield from _keys(part, f"{field.name}.")


def test_bundle_page_names_exactly_the_keys_of_the_manifest() -> None:
    text = (DOCS / "bundle.md").read_text(encoding="utf-8")
    cells = re.findall(r"^\| (`[^|]+) \|", text, re.MULTILINE)
    named = [key for cell in cells for key in re.findall(r"`([^`]+)`", cell)]
    assert sorted(named) == sorted(_keys(Manifest))
