"""Tail probabilities: binomial, Student's t, chi-square; from the incomplete beta and gamma functions.

Counts may be fractions: counts of calls that resemble each other are divided by how much they do (`spread`).
"""

from __future__ import annotations

from functools import lru_cache
from math import exp, lgamma, log, log1p

_TINY = 1e-300
_EPSILON = 1e-14
# Enough for counts of a hundred million; each step costs well under a microsecond.
_MOST_STEPS = 100_000


def binomial_at_least(hits: float, tries: float, share: float) -> float:
    """P(X >= hits) of `tries` independent tries that hit with probability `share`."""
    if hits <= 0:
        return 1.0
    if hits > tries:
        return 0.0
    return beta_below(share, hits, tries - hits + 1)


# The figures before stay the same from look to look.
@lru_cache(maxsize=256)
def binomial_upper(hits: float, tries: float, risk: float) -> float:
    """The share that the true one exceeds with probability `risk` at most (Clopper and Pearson); 1 without tries."""
    if hits >= tries:
        return 1.0
    low, high = hits / tries, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        too_low = beta_below(middle, hits + 1, tries - hits) < 1 - risk
        low, high = (middle, high) if too_low else (low, middle)
    return high


def student_above(t: float, freedom: float) -> float:
    """P(T >= t) of Student's t."""
    half = beta_below(freedom / (freedom + t * t), freedom / 2, 0.5) / 2
    return half if t > 0 else 1 - half


def chi_square_above(x: float, freedom: float) -> float:
    """P(X >= x) of chi-square."""
    return gamma_above(x / 2, freedom / 2)


def beta_below(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function I_x(a, b)."""
    if x <= 0:
        return 0.0
    if x >= 1:
        return 1.0
    front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x))
    # The fraction converges fast on this side of the mean only.
    if x < (a + 1) / (a + b + 2):
        return min(1.0, front * _beta_fraction(x, a, b) / a)
    return max(0.0, 1 - front * _beta_fraction(1 - x, b, a) / b)


def _beta_fraction(x: float, a: float, b: float) -> float:
    """Lentz's evaluation of the continued fraction of I_x(a, b)."""
    c, d = 1.0, 1 / _not_zero(1 - (a + b) * x / (a + 1))
    value = d
    for m in range(1, _MOST_STEPS):
        for term in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 / _not_zero(1 + term * d)
            c = _not_zero(1 + term / c)
            value *= d * c
        if abs(d * c - 1) < _EPSILON:
            break
    return value


def gamma_above(x: float, a: float) -> float:
    """The regularised upper incomplete gamma function Q(a, x)."""
    if x <= 0:
        return 1.0
    front = exp(a * log(x) - x - lgamma(a))
    if x < a + 1:
        return max(0.0, 1 - front * _gamma_series(x, a))
    return min(1.0, front * _gamma_fraction(x, a))


def _gamma_series(x: float, a: float) -> float:
    term = total = 1 / a
    for n in range(1, _MOST_STEPS):
        term *= x / (a + n)
        total += term
        if term < total * _EPSILON:
            break
    return total


def _gamma_fraction(x: float, a: float) -> float:
    b = x + 1 - a
    c, d = 1 / _TINY, 1 / _not_zero(b)
    value = d
    for n in range(1, _MOST_STEPS):
        factor = -n * (n - a)
        b += 2
        d = 1 / _not_zero(factor * d + b)
        c = _not_zero(b + factor / c)
        value *= d * c
        if abs(d * c - 1) < _EPSILON:
            break
    return value


def _not_zero(x: float) -> float:
    return x if abs(x) > _TINY else _TINY
