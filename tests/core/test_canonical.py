# SPDX-License-Identifier: Apache-2.0
"""Canonical JSON is read alike everywhere: nesting and integers have fixed limits, and what is read can be written."""

from __future__ import annotations

import sys
import threading
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from medquorum.core import canonical
from medquorum.errors import ContractError


def refused(call: Any, *arguments: Any) -> str:
    with pytest.raises(ContractError) as raised:
        call(*arguments)
    assert raised.value.code == "BAD_JSON"
    return raised.value.cause


def nested(depth: int) -> bytes:
    return b'{"a":' * (depth - 1) + b"[]" + b"}" * (depth - 1)


def test_nesting_has_one_limit_whatever_the_stack_leaves() -> None:
    def deep_in_the_stack(frames: int) -> Any:
        return deep_in_the_stack(frames - 1) if frames else canonical.decode(nested(canonical.MAX_DEPTH))

    assert canonical.encode(canonical.decode(nested(32))) == nested(32)
    assert deep_in_the_stack(sys.getrecursionlimit() - 200) == canonical.decode(nested(32))
    for depth in (33, 300, 900, 100_000):
        assert "deeper than 32" in refused(canonical.decode, nested(depth))
    assert "deeper than 32" in refused(canonical.encode, [canonical.decode(nested(32))])


def test_brackets_within_strings_are_no_nesting() -> None:
    for text in ('"' + "[{" * 50 + '"', r'["\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[","\\"]', str([[]] * 50)):
        assert canonical.decode(text) is not None
    refused(canonical.decode, r'["\\",' + "[" * 40 + "]" * 41)


@pytest.mark.parametrize("text", ['"' + "[" * (1 << 20), '"\\' * (1 << 19), '\\"' * (1 << 19) + "[" * 40])
def test_a_broken_text_is_refused_in_linear_time(text: str) -> None:
    worker = threading.Thread(target=lambda: refused(canonical.decode, text), daemon=True)
    worker.start()
    worker.join(20)
    assert not worker.is_alive()


@pytest.mark.parametrize("number", [(1 << 63) - 1, -(1 << 63), 0, -7])
def test_integers_of_64_bits_pass(number: int) -> None:
    assert canonical.decode(canonical.encode([number])) == [number]


@pytest.mark.parametrize("number", ["9" * 4299, "9" * 4301, str(1 << 63), str(-(1 << 63) - 1), "1.0", "1e3", "NaN"])
def test_other_numbers_are_refused(number: str) -> None:
    refused(canonical.decode, f'{{"attempts":{number}}}')
    if number.lstrip("-").isdigit() and len(number) < 30:
        refused(canonical.encode, [int(number)])


@pytest.mark.parametrize("raw", [b"\xff", b"\xef\xbb\xbf1", "1".encode("utf-16"), rb'"\ud800"', b'{"\\udfff":1}'])
def test_only_utf8_is_read(raw: bytes) -> None:
    refused(canonical.decode, raw)


leaves = st.none() | st.booleans() | st.integers(-(1 << 70), 1 << 70) | st.floats() | st.text(max_size=5)
values = st.recursive(leaves, lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=3), inner))


@pytest.mark.slow
@given(values)
def test_what_is_written_is_read_again(value: Any) -> None:
    try:
        raw = canonical.encode(value)
    except ContractError:
        return
    assert canonical.decode(raw) == value


@given(st.text(alphabet='[]{}",:\\u0d8"1-eatrufls', max_size=60))
@example('{"a":"\\ud83d\\ude00"}')
def test_what_is_read_can_be_written(text: str) -> None:
    try:
        value = canonical.decode(text)
    except ContractError:
        return
    assert canonical.decode(canonical.encode(value)) == value
