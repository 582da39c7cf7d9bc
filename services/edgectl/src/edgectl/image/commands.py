"""edgectl image build | push | airgap."""

from __future__ import annotations

import typer

from edgectl.lazy import lazy_group

_COMMANDS = {
    "build": ("edgectl.image.build", "build"),
    "push": ("edgectl.image.push", "push"),
    "airgap": ("edgectl.image.airgap", "airgap"),
}

app = typer.Typer(cls=lazy_group(_COMMANDS), no_args_is_help=True, add_completion=False)


@app.callback()
def _group() -> None:
    """Images of bundles without a daemon, pushed to a registry or packed for gateways without one."""
