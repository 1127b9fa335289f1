# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medquorum.core.model import from_stored_form, stored_form
from medquorum.errors import ModelError

LIMITS = [0, 1, -1, 127, -128, 128, -129, 32767, -32768, 32768, -32769, 2**23 - 1, -(2**23), 2**23, 2**31 - 1, -(2**31)]
NEEDED = [0, 2, 1, 8, 8, 9, 9, 16, 16, 17, 17, 24, 24, 25, 32, 32]


def chunk(values: list[int]) -> bytes:
    return np.array(values, "<i4").tobytes()


@given(st.lists(st.sampled_from(LIMITS), max_size=40), st.integers(0, 400), st.integers(0, 400))
def test_every_chunk_comes_back(values: list[int], before: int, after: int) -> None:
    raw = chunk([0] * before + values + [5] * after)
    stored = stored_form(raw)
    assert from_stored_form(stored, len(raw)) == raw
    assert len(stored) <= (512 + 1) * -(-len(raw) // 512)


@given(st.integers(0, 32), st.integers(0, 2**32), st.integers(1, 400))
def test_values_of_so_many_bits_take_so_many(bits: int, seed: int, count: int) -> None:
    values = np.random.default_rng(seed).integers(-(2**bits // 2), max(2**bits // 2, 1), count)
    stored = stored_form(values.astype("<i4").tobytes())
    assert from_stored_form(stored, 4 * count) == values.astype("<i4").tobytes()
    assert max(stored[: -(-count // 128)]) <= bits


@pytest.mark.parametrize(("value", "bits"), list(zip(LIMITS, NEEDED, strict=True)))
def test_each_value_keeps_as_many_bits_as_it_needs(value: int, bits: int) -> None:
    stored = stored_form(chunk([value] * 128))
    assert stored[0] == bits
    assert len(stored) == 1 + 16 * bits


def test_every_bit_is_where_the_docs_say() -> None:
    """Two blocks of ten bits, one of none, one of nine, by hand."""
    first = [-512, 511, 1, -1, 256, 2] + [0] * 122
    second = [0, 255, -256, 3]
    low = bytes(value & 255 for value in first) + bytes(value & 255 for value in first)
    nine = bytes(value & 255 for value in second) + bytes(124)
    sign = bytes([0b0100]) + bytes(15)
    eighth, ninth = bytes([0b00011010]) + bytes(15), bytes([0b00001001]) + bytes(15)
    wanted = bytes([10, 0, 10, 9]) + nine + sign + low + 2 * eighth + 2 * ninth
    assert stored_form(chunk(first + [0] * 128 + first + second)) == wanted


def test_the_form_is_the_same_on_every_host() -> None:
    """A change of these bytes would make endorsers of two releases disagree."""
    values = [(7919 * i * i) % 80_001 - 40_000 if i >= 1024 else i % 200 - 100 for i in range(5000)]
    stored = stored_form(chunk(values))
    assert (len(stored), hashlib.sha256(stored).hexdigest()[:16]) == (9768, "3ae0641d6c096aac")


@given(st.lists(st.integers(0, 33), max_size=3), st.integers(0, 2**32), st.integers(0, 127), st.booleans())
def test_other_bytes_are_refused_or_are_a_chunks_only_form(
    widths: list[int], seed: int, missing: int, full: bool
) -> None:
    size = max(128 * len(widths) - (0 if full else missing), 0)
    stored = bytes(widths) + np.random.default_rng(seed).bytes(16 * sum(widths))
    try:
        raw = from_stored_form(stored, 4 * size)
    except ModelError:
        return
    assert stored_form(raw) == stored


def test_a_wasteful_form_is_refused() -> None:
    good = stored_form(chunk([1, -1, 0]))
    assert good == bytes([2, 0b011]) + bytes(15) + bytes([0b010]) + bytes(15)
    with pytest.raises(ModelError, match="more bits than its values need"):
        from_stored_form(bytes([3]) + good[1:] + good[17:], 12)
    with pytest.raises(ModelError, match="more bits than its values need"):
        from_stored_form(good, 4)  # a value behind the last one
    with pytest.raises(ModelError, match="has 32 bytes, not 33"):
        from_stored_form(good[:-1], 12)
    with pytest.raises(ModelError, match="does not say"):
        from_stored_form(bytes([33]) + good[1:], 12)
    with pytest.raises(ModelError, match="no whole number"):
        stored_form(b"12345")
