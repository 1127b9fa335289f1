# SPDX-License-Identifier: Apache-2.0
"""Key rules: what is refused, and that composite keys keep their parts and their order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medquorum.shim import ChaincodeError, keys

PARTS = st.text(st.characters(exclude_characters="\x00\U0010ffff", exclude_categories=["Cs"]), max_size=8)
TYPES = PARTS.filter(bool)


@pytest.mark.slow
@given(TYPES, st.lists(PARTS, max_size=4))
def test_composite_key_gives_its_parts_back(object_type: str, attributes: list[str]) -> None:
    key = keys.create_composite_key(object_type, attributes)
    assert keys.split_composite_key(key) == (object_type, attributes)
    assert keys.check_key(key) == key


@pytest.mark.slow
@given(TYPES, st.lists(PARTS, max_size=3), st.lists(PARTS, max_size=3))
def test_composite_range_holds_what_begins_with_its_parts_and_no_other(
    object_type: str, given_parts: list[str], others: list[str]
) -> None:
    start, end = keys.composite_range(object_type, given_parts)
    inside = keys.create_composite_key(object_type, [*given_parts, *others])
    outside = keys.create_composite_key(object_type + "x", [*given_parts, *others])
    assert start.encode() <= inside.encode() < end.encode()
    assert not start.encode() <= outside.encode() < end.encode()


@pytest.mark.slow
@given(st.text(max_size=6), st.text(max_size=6))
def test_simple_range_never_reaches_composite_keys(start: str, end: str) -> None:
    try:
        first, last = keys.simple_range(start, end)
    except ChaincodeError as refusal:
        assert refusal.code == "BAD_KEY"
        assert "\x00" in (start[:1], end[:1])
    else:
        assert first >= "\x01"
        assert last == end


@pytest.mark.parametrize(
    "key", ["", "\x00", "\x00\x00", "\x00a", "\x00a\x00b", "\x00\x00a\x00", "\ud800", "\x00a\ud800\x00"]
)
def test_refused_keys(key: str) -> None:
    with pytest.raises(ChaincodeError) as refusal:
        keys.check_key(key)
    assert refusal.value.code == "BAD_KEY"


@pytest.mark.parametrize("key", ["a", "\x01", "é", "a\x00b", "\x00t\x00", "\x00t\x00\x00", "\U0010ffff"])
def test_accepted_keys(key: str) -> None:
    assert keys.check_key(key) == key
