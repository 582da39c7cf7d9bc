"""What stops a step of `edgectl model`."""

from __future__ import annotations

from edge_common.errors import StartError

# Exit codes: 2 for bad input (main.py, of every StartError), 1 when a bound of accuracy or budget does not hold.
BOUND_PASSED = 1


class ModelError(StartError):
    """One line for the person at the keyboard: where, what was wanted, what was found, how to mend it."""
