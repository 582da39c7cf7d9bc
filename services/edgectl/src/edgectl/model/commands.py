"""edgectl model build | convert | prepare | optimise | quantise | verify | bench | profile | compare | inspect."""

from __future__ import annotations

import typer

from edgectl.lazy import lazy_group

_COMMANDS = {
    "build": ("edgectl.model.build.command", "build"),
    "convert": ("edgectl.model.convert.command", "convert"),
    "prepare": ("edgectl.model.prepare.command", "prepare"),
    "optimise": ("edgectl.model.optimise.command", "optimise"),
    "quantise": ("edgectl.model.quantise.command", "quantise"),
    "verify": ("edgectl.model.verify.command", "verify"),
    "bench": ("edgectl.model.bench.command", "bench"),
    "profile": ("edgectl.model.profile.command", "profile"),
    "compare": ("edgectl.model.compare.command", "compare"),
    "inspect": ("edgectl.model.inspect", "inspect"),
}

app = typer.Typer(cls=lazy_group(_COMMANDS), no_args_is_help=True, add_completion=False)


@app.callback()
def _group() -> None:
    """From a trained model to a verified, small and fast bundle, step by step or as a recipe says."""
