"""Tail probabilities against sums and against tables."""

from __future__ import annotations

from math import comb, isclose

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgectl.rollout.tails import binomial_at_least, binomial_upper, chi_square_above, student_above


@settings(max_examples=60, deadline=None)
@given(tries=st.integers(1, 300), data=st.data(), share=st.floats(0.001, 0.999))
def test_the_binomial_is_its_sum(tries: int, data: st.DataObject, share: float) -> None:
    hits = data.draw(st.integers(0, tries))
    exact = sum(comb(tries, k) * share**k * (1 - share) ** (tries - k) for k in range(hits, tries + 1))
    assert isclose(binomial_at_least(hits, tries, share), min(exact, 1.0), rel_tol=1e-8, abs_tol=1e-13)


def test_the_binomial_of_many() -> None:
    # Against a normal of the same mean and variance, where that is good.
    assert isclose(binomial_at_least(50_100, 100_000, 0.5), 0.2644, abs_tol=5e-4)
    assert binomial_at_least(900_000, 1_000_000, 0.1) == 0.0
    assert binomial_at_least(3, 2, 0.5) == 0.0
    assert binomial_at_least(0, 10, 0.0) == 1.0


@pytest.mark.parametrize(
    ("hits", "tries", "risk", "share"),
    [(0, 100, 0.01, 0.0450), (0, 300, 0.05, 0.00994), (5, 100, 0.05, 0.1023), (10, 10, 0.01, 1.0)],
)
def test_the_upper_bound(hits: int, tries: int, risk: float, share: float) -> None:
    assert isclose(binomial_upper(hits, tries, risk), share, abs_tol=1e-4)


@pytest.mark.parametrize(
    ("t", "freedom", "chance"),
    [(0, 5, 0.5), (2.015, 5, 0.05), (-2.015, 5, 0.95), (3.733, 19, 0.0007), (12.706, 1, 0.025)],
)
def test_students_t(t: float, freedom: int, chance: float) -> None:
    assert isclose(student_above(t, freedom), chance, rel_tol=0.01)


@pytest.mark.parametrize(
    ("x", "freedom", "chance"),
    [(3.841, 1, 0.05), (18.307, 10, 0.05), (29.588, 10, 0.001), (0, 3, 1.0), (5.0, 11, 0.9312)],
)
def test_chi_square(x: float, freedom: int, chance: float) -> None:
    assert isclose(chi_square_above(x, freedom), chance, rel_tol=0.001)
