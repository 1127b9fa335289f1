# SPDX-License-Identifier: Apache-2.0
"""Sums that may be opened beside each other on one base: no combination of them is of few hospitals."""

from __future__ import annotations

from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from medquorum.core.documents.aggregation.opened import OpenedSum, revealing

BASE = "b" * 64
HOSPITALS = [f"H{number}MSP" for number in range(9)]
sets = st.sets(st.sampled_from(HOSPITALS), min_size=3)


def opened(accepted: list[str], number: int, minimum: int = 3) -> OpenedSum:
    return OpenedSum(base=BASE, round=number, task="demo", weights=alike(accepted), minimum=minimum)


def alike(accepted: list[str]) -> dict[str, int]:
    return dict.fromkeys(accepted, 1)


@given(st.lists(sets, max_size=7), st.integers(3, 4))
def test_no_combination_of_what_is_opened_is_of_few_hospitals(tried: list[set[str]], minimum: int) -> None:
    done: list[OpenedSum] = []
    for number, members in enumerate(tried, start=1):
        accepted = sorted(members)
        if len(accepted) >= minimum and revealing(alike(accepted), minimum, done) is None:
            done.append(opened(accepted, number, minimum))
    different = {frozenset(one.weights) for one in done}
    for factors in product(range(-3, 4), repeat=len(different)):
        weight = {h: sum(f * (h in s) for f, s in zip(factors, different, strict=True)) for h in HOSPITALS}
        touched = sum(1 for value in weight.values() if value)
        assert touched == 0 or touched >= minimum


def test_an_equal_set_may_be_summed_again_and_the_larger_minimum_counts() -> None:
    first, far, near = HOSPITALS[:6], HOSPITALS[:3], HOSPITALS[1:6]
    assert revealing(alike(first), 3, [opened(first, 1)] * 5) is None
    assert revealing(alike(far), 3, [opened(first, 1)]) is None
    assert revealing(alike(near), 3, [opened(first, 1)]) == opened(first, 1)
    assert revealing(alike(far), 3, [opened(first, 1, minimum=4)]) is not None
    assert revealing(alike(first), 3, []) is None


def test_on_a_base_there_is_one_vector_of_weights() -> None:
    """Of sums with weights a combination can be one update, however many hospitals are in each."""
    first = alike(HOSPITALS[:6])
    weighed = OpenedSum(base=BASE, round=1, task="demo", weights=first | {HOSPITALS[0]: 2}, minimum=3)
    assert revealing(weighed.weights, 3, [weighed]) is None
    for other in (first, first | {HOSPITALS[1]: 2}, alike(HOSPITALS[6:]), {HOSPITALS[0]: 2, HOSPITALS[8]: 2}):
        assert revealing(other, 3, [weighed]) == weighed
    assert revealing(weighed.weights, 3, [opened(HOSPITALS[:6], 1)]) is not None
