# SPDX-License-Identifier: Apache-2.0
"""Exact products against Python integers."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from medquorum.core.inference.matmul import EXACT, ExactMatrix


def oracle(values, weights):
    product = values.astype(object) @ weights.astype(object)
    return np.vectorize(lambda v: (v + (1 << 63)) % (1 << 64) - (1 << 63), otypes=[np.int64])(product)


def draw(rng, bits, shape):
    """Integers of up to ``bits`` bits, the extremes among them."""
    low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    values = rng.integers(low, high, shape, endpoint=True)
    return np.where(rng.random(shape) < 0.2, rng.choice([low, high], shape), values)


@given(
    seed=st.integers(0, 2**32 - 1),
    value_bits=st.integers(1, 53),
    weight_bits=st.integers(1, 64),
    inputs=st.integers(1, 70),
)
@settings(max_examples=150)
def test_wrapping_product(seed, value_bits, weight_bits, inputs):
    rng = np.random.default_rng(seed)
    values, weights = draw(rng, value_bits, (3, inputs)), draw(rng, weight_bits, (inputs, 4))
    matrix = ExactMatrix(weights, shift=17)
    expected = oracle(values, weights)
    np.testing.assert_array_equal(matrix.wrapping(values.astype(np.float64)), expected)
    if np.abs(values.astype(np.float64)).max() * matrix.bound < EXACT:
        scaled = matrix.scaled(values.astype(np.float64))
        np.testing.assert_array_equal((scaled * 2.0**17).astype(np.int64), expected)


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=20)
def test_bound_is_never_too_small(seed):
    rng = np.random.default_rng(seed)
    weights = draw(rng, int(rng.integers(2, 64)), (50, 3))
    exact = max(sum(abs(v) for v in column) for column in weights.T.tolist())
    assert ExactMatrix(weights).bound >= exact


def test_largest_supported_sums_need_all_limbs():
    weights = np.full((5000, 2), np.iinfo(np.int64).min)
    weights[::3] = np.iinfo(np.int64).max
    values = np.full((2, 5000), -(2.0**31))
    np.testing.assert_array_equal(ExactMatrix(weights).wrapping(values), oracle(values.astype(np.int64), weights))
