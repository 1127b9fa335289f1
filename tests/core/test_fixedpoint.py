# SPDX-License-Identifier: Apache-2.0
"""Fixed point against fractions and Python integers."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medquorum.core.fixedpoint import activation_bits, decode, encode, truncate, wrap
from medquorum.errors import ModelError, RangeError

INT64 = st.integers(-(1 << 63), (1 << 63) - 1)


@given(st.floats(-32767, 32767))
def test_encode_rounds_half_to_even(value):
    assert encode([value]).tolist() == [round(Fraction(value) * 65536)]


@given(st.integers(-(1 << 31), (1 << 31) - 1))
def test_decode_is_the_inverse(value):
    assert encode(decode(np.array([value]))).tolist() == [value]


def test_halves():
    halves = np.array([0.5, 1.5, 2.5, -0.5, -1.5]) / 65536
    assert encode(halves).tolist() == [0, 2, 2, 0, -2]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_not_finite_is_refused(value):
    with pytest.raises(ModelError, match="NaN or infinite"):
        encode([0.0, value])


@pytest.mark.parametrize(
    ("value", "fits"),
    [(1e308, False), (-1e308, False), (32768.0, False), (-32768.0, True), (-32768.1, False), (32767.9, True)],
)
def test_bound(value, fits):
    if fits:
        assert encode([value]).shape == (1,)
    else:
        with pytest.raises(RangeError, match="outside"):
            encode([value])


def test_own_bound():
    assert encode([7.0], bound=1 << 19).tolist() == [7 << 16]
    with pytest.raises(RangeError, match=r"\[-8, 8\)"):
        encode([8.0], bound=1 << 19)


@given(INT64, st.integers(1, 63))
def test_truncate_wraps_its_sum(value, shift):
    total = (value + (1 << (shift - 1)) + (1 << 63)) % (1 << 64) - (1 << 63)
    assert truncate(np.array([value]), shift).tolist() == [total >> shift]


@given(INT64, st.integers(1, 63))
def test_wrap(value, bits):
    expected = (value + (1 << (bits - 1))) % (1 << bits) - (1 << (bits - 1))
    assert wrap(np.array([value]), bits).tolist() == [expected]


def test_activations_have_32_bits_for_every_lambda():
    assert {activation_bits(k) for k in range(9)} == {32}
