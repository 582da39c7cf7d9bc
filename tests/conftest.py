"""For all tests: the tier that a folder belongs to, and `no_cover` also in xdist's processes."""

from __future__ import annotations

import sys
from collections.abc import Generator
from pathlib import Path

import pytest

# Folder -> marker: each tier is a `make` target of its own, since all of them together take minutes.
_TIERS = {"integration": "process", "charts": "deploy", "k3s": "deploy", "rules": "deploy"}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        folder = item.path.relative_to(Path(__file__).parent).parts[0]
        if folder in _TIERS:
            item.add_marker(_TIERS[folder])


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Run a test marked `no_cover` without a tracer.

    pytest-cov 7 starts two coverages in each of xdist's processes, and its own `no_cover` stops one: the other goes on.
    """
    if item.get_closest_marker("no_cover") is None:
        return (yield)
    tracer = sys.gettrace()
    sys.settrace(None)
    try:
        return (yield)
    finally:
        sys.settrace(tracer)
