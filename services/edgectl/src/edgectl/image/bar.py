"""A progress bar of bytes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from edgectl.image.store import Tick
from edgectl.model.report import progress


@contextmanager
def bar(what: str, size: int) -> Iterator[Tick]:
    """Show a bar on stderr while bytes go by, counted in kB; yields what to tell of them."""
    with progress() as shown:
        # Rounded up, so that the bar ends full.
        task = shown.add_task(what, total=-(-size // 1000))
        done = 0

        def tick(count: int) -> None:
            nonlocal done
            done += count
            shown.update(task, completed=-(-done // 1000))

        yield tick
