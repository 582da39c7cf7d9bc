"""OpenCV's cubic: the weights of the four pixels around a point."""

from __future__ import annotations

from edgectl.model.prepare.after.nodes import Nodes, single

# From the pixel before the point.
SHIFTS = (-1, 0, 1, 2)
_A = -0.75
_OUTER = (_A, -5 * _A, 8 * _A, -4 * _A)
_INNER = (_A + 2, -(_A + 3), 0.0, 1.0)


def shares(nodes: Nodes, behind: str) -> tuple[str, str, str, str]:
    """Return the weight of the pixel at each of SHIFTS for a point FLOAT `behind`, 0 to 1, the pixel before it."""
    one = single(1)
    before = _polynomial(nodes, nodes("Add", behind, one), _OUTER)
    second = _polynomial(nodes, behind, _INNER)
    third = _polynomial(nodes, nodes("Sub", one, behind), _INNER)
    # What is left to one, as OpenCV has it.
    return before, second, third, nodes("Sub", one, nodes("Sum", before, second, third))


def _polynomial(nodes: Nodes, x: str, coefficients: tuple[float, ...]) -> str:
    """By Horner's rule, the highest power's coefficient first."""
    total = nodes("Mul", x, single(coefficients[0]))
    for coefficient in coefficients[1:-1]:
        total = nodes("Mul", nodes("Add", total, single(coefficient)), x)
    return nodes("Add", total, single(coefficients[-1]))
