# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medquorum.errors import ProtocolError
from medquorum.verifier.arithmetic import ring
from medquorum.verifier.arithmetic.bitplanes import planes, spread, word_count

WORDS = st.lists(st.integers(-(1 << 63), (1 << 63) - 1), min_size=0, max_size=70)


@given(WORDS, st.integers(1, 64))
def test_packing_keeps_the_low_bits(values, bits):
    array = np.array(values, dtype=np.int64)
    raw = ring.pack(array, bits)
    assert len(raw) == len(values) * ((bits + 7) // 8)
    found = ring.reduce(ring.unpack(raw, array.shape, bits), bits)
    assert [int(value) % (1 << bits) for value in found] == [value % (1 << bits) for value in values]


def test_unpacking_refuses_another_length():
    with pytest.raises(ProtocolError, match="5 bytes came where 6"):
        ring.unpack(b"12345", (1,), 48)


def test_matmul_wraps_as_python_integers_do():
    rng = np.random.default_rng(0)
    left, right = (rng.integers(-(1 << 63), 1 << 63, shape) for shape in ((3, 5), (5, 2)))
    found = ring.matmul(left, right)
    for i in range(3):
        for j in range(2):
            exact = sum(int(left[i, k]) * int(right[k, j]) for k in range(5))
            assert (int(found[i, j]) - exact) % (1 << 64) == 0


@given(WORDS, st.integers(1, 64))
def test_planes_hold_each_bit_once(values, bits):
    array = np.array(values, dtype=np.int64)
    found = planes(array, bits)
    assert found.shape == (bits, word_count(len(values)))
    for bit, plane in enumerate(found):
        assert spread(plane, len(values)).tolist() == [value >> bit & 1 for value in values]
