"""The population stability index: never negative, 0 where nothing differs, and as large by chance as is said."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_common.psi import by_chance, enough, psi

COUNTS = st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)), min_size=1, max_size=21)


@given(COUNTS)
def test_never_negative_never_endless_and_the_same_both_ways(pairs: list[tuple[int, int]]) -> None:
    found, wanted = zip(*pairs, strict=True)
    index = psi(found, wanted)
    assert index >= 0 and math.isfinite(index)
    assert index == pytest.approx(psi(wanted, found))


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=21), st.integers(1, 1000))
def test_equal_shares_are_0_however_many_were_counted(counts: list[int], times: int) -> None:
    assert psi(counts, [count * times for count in counts]) == pytest.approx(0, abs=1e-12)


@given(st.lists(st.floats(0, 1e-300), min_size=2, max_size=5))
def test_weights_that_have_all_but_faded_do_no_harm(weights: list[float]) -> None:
    assert math.isfinite(psi(weights, [1] * len(weights)))


def test_it_is_the_sum_that_it_says_and_a_bin_that_fell_empty_counts() -> None:
    # With ten million on each side, half an observation more is nothing.
    many = 10**7
    index = psi([0.5 * many, 0.5 * many], [0.9 * many, 0.1 * many])
    assert index == pytest.approx(-0.4 * math.log(0.5 / 0.9) + 0.4 * math.log(0.5 / 0.1), rel=1e-4)
    assert psi([500, 0], [250, 250]) > 1
    assert psi([0, 0], [1, 2]) == psi([1, 2], [0, 0]) == 0


@pytest.mark.parametrize("bins", [2, 10, 21])
def test_by_chance_it_is_as_large_as_the_formula_says(bins: int) -> None:
    rng, found, wanted = np.random.default_rng(3), max(500, enough(bins)), 2000
    shares = np.full(bins, 1 / bins)
    drawn = [psi(rng.multinomial(found, shares).tolist(), rng.multinomial(wanted, shares).tolist()) for _ in range(400)]
    expected = by_chance(bins, found, wanted)
    assert np.mean(drawn) == pytest.approx(expected, rel=0.15)
    assert np.std(drawn) == pytest.approx(expected * math.sqrt(2 / (bins - 1)), rel=0.2)
    assert expected <= 0.05
