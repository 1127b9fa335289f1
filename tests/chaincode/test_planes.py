# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaincode.modelformat import drop_planes, restore_planes
from medquorum import ModelError

LIMITS = [0, 1, -1, 127, -128, 128, -129, 32767, -32768, 32768, -32769, 2**23 - 1, -(2**23), 2**23, 2**31 - 1, -(2**31)]


def chunk(values: list[int]) -> bytes:
    return np.array(values, "<i4").tobytes()


@given(
    st.lists(st.sampled_from(LIMITS), max_size=40),
    st.integers(0, 3000),
    st.integers(0, 3000),
)
def test_every_chunk_comes_back(values: list[int], before: int, after: int) -> None:
    raw = chunk([0] * before + values + [5] * after)
    stored = drop_planes(raw)
    assert restore_planes(stored, len(raw)) == raw
    assert len(stored) <= len(raw) + -(-len(raw) // 4096)


@pytest.mark.parametrize(
    ("value", "planes"), list(zip(LIMITS, [0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4], strict=True))
)
def test_each_value_keeps_as_many_bytes_as_it_needs(value: int, planes: int) -> None:
    stored = drop_planes(chunk([value] * 1024))
    assert stored[0] == planes
    assert len(stored) == 1 + 1024 * planes


def test_the_form_is_the_same_on_every_host() -> None:
    """A change of these bytes would make endorsers of two releases disagree."""
    stored = drop_planes(chunk([(7919 * i * i) % 80_001 - 40_000 if i >= 1024 else i % 200 - 100 for i in range(5000)]))
    assert (len(stored), hashlib.sha256(stored).hexdigest()[:16]) == (12957, "f38c775b56cd0369")


@given(st.binary(max_size=40), st.integers(0, 8))
def test_other_bytes_are_refused_or_are_a_chunks_only_form(stored: bytes, size: int) -> None:
    try:
        raw = restore_planes(stored, 4 * size)
    except ModelError:
        return
    assert drop_planes(raw) == stored


def test_a_wasteful_form_is_refused() -> None:
    good = drop_planes(chunk([1] * 8))
    assert good == bytes([1]) + bytes([1] * 8)
    with pytest.raises(ModelError, match="more bytes than its values need"):
        restore_planes(bytes([2]) + bytes([1] * 8) + bytes(8), 32)
    with pytest.raises(ModelError, match="has 8 bytes"):
        restore_planes(good[:-1], 32)
    with pytest.raises(ModelError, match="does not say"):
        restore_planes(bytes([5]) + good[1:], 32)
    with pytest.raises(ModelError, match="no whole number"):
        drop_planes(b"12345")
