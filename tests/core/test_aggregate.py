# SPDX-License-Identifier: Apache-2.0
"""The next model against exact fractions."""

from fractions import Fraction
from math import floor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medquorum.core.aggregate import MAX_UPDATES, add, aggregate, next_model
from medquorum.core.model import check_range, layout, parse
from medquorum.errors import ModelError
from medquorum_testing.inference.tiny_models import TINY, dense, document, norm, random_tensors
from medquorum_testing.vectors import load_vector

DESCRIPTION = parse(
    document("m", [1, 1, 12], 12, [{"op": "flatten"}, dense("a", 12, 12), norm("n", 12), dense("b", 12, 12)])
)


@pytest.mark.parametrize("case", load_vector("aggregate"), ids=lambda case: f"m{case['count']}k{case['lambda_bits']}")
def test_vectors(case):
    base, sums = (
        {s.name: np.resize(np.array(case[key]), s.shape) for s in layout(DESCRIPTION)} for key in ("base", "sums")
    )
    factors = {"lambda_numerator": case["lambda_numerator"], "lambda_bits": case["lambda_bits"]}
    model = next_model(DESCRIPTION, base, sums, case["count"], **factors)
    for name, shape, kind in layout(DESCRIPTION):
        np.testing.assert_array_equal(model[name], np.resize(case["mixed" if kind.mixed else "mean"], shape))
        assert model[name].dtype == np.int32


@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(1, 9),
    bits=st.integers(0, 8),
    share=st.integers(0, 256),
)
@settings(max_examples=50)
def test_against_fractions(seed, count, bits, share):
    rng = np.random.default_rng(seed)
    description = parse(TINY["dense"])
    base = random_tensors(description, rng, extreme=True)
    updates = [random_tensors(description, rng, extreme=True) for _ in range(count)]
    numerator = share % ((1 << bits) + 1)
    model = aggregate(description, base, updates, lambda_numerator=numerator, lambda_bits=bits)
    for name, _, kind in layout(description):
        weight = Fraction(numerator, 1 << bits) if kind.mixed else Fraction(0)
        columns = zip(base[name].ravel().tolist(), *(u[name].ravel().tolist() for u in updates), strict=True)
        expected = [floor(weight * w + (1 - weight) * Fraction(sum(r), count) + Fraction(1, 2)) for w, *r in columns]
        assert model[name].ravel().tolist() == expected


def test_the_order_of_updates_does_not_matter_and_range_is_kept():
    rng = np.random.default_rng(1)
    description = parse(TINY["residual"])
    base, *updates = (random_tensors(description, rng, scale=30) for _ in range(5))
    one = aggregate(description, base, updates, lambda_numerator=1, lambda_bits=1)
    two = aggregate(description, base, reversed(updates), lambda_numerator=1, lambda_bits=1)
    check_range(description, one)
    for name in one:
        np.testing.assert_array_equal(one[name], two[name])


def test_bounds_and_wrong_input_are_refused():
    description = parse(TINY["dense"])
    base = random_tensors(description, np.random.default_rng(2))
    with pytest.raises(ModelError, match="0 updates"):
        aggregate(description, base, [], lambda_numerator=0, lambda_bits=0)
    with pytest.raises(ModelError, match="65537 updates"):
        next_model(description, base, base, MAX_UPDATES + 1, lambda_numerator=0, lambda_bits=0)
    for factors in ({"lambda_numerator": 3, "lambda_bits": 1}, {"lambda_numerator": 0, "lambda_bits": 9}):
        with pytest.raises(ModelError, match="mixing weight"):
            next_model(description, base, base, 1, **factors)
    with pytest.raises(ModelError, match="missing"):
        add(description, {}, {})


def test_inputs_are_left_alone():
    description = parse(TINY["dense"])
    base = random_tensors(description, np.random.default_rng(3))
    before = {name: values.copy() for name, values in base.items()}
    aggregate(description, base, [base, base], lambda_numerator=0, lambda_bits=0)
    for name, values in base.items():
        np.testing.assert_array_equal(values, before[name])
