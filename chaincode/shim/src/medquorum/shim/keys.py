# SPDX-License-Identifier: Apache-2.0
"""Key rules the peer leaves to the chaincode: no empty key, 0x00 for composite keys only, and composite keys.

A composite key is ``0x00 object_type 0x00 attribute 0x00 ...`` (Fabric's Go shim, ``CreateCompositeKey``).
"""

from __future__ import annotations

from collections.abc import Sequence

from medquorum.shim.errors import ChaincodeError

__all__ = ["check_key", "composite_range", "create_composite_key", "simple_range", "split_composite_key"]

SEPARATOR = "\x00"
LAST = "\U0010ffff"
FIRST_SIMPLE_KEY = "\x01"
SHOWN = 80


def check_key(key: str) -> str:
    """Return the key back if a peer may be asked for it.

    Raises
    ------
    ChaincodeError
        ``BAD_KEY``: empty, not UTF-8, or starting with 0x00 without being a composite key.
    """
    if not key:
        raise ChaincodeError("BAD_KEY", "a key must not be empty")
    _check_text(key)
    if key.startswith(SEPARATOR):
        split_composite_key(key)
    return key


def create_composite_key(object_type: str, attributes: Sequence[str]) -> str:
    """Join an object type and attributes to one key; ``BAD_KEY`` when one holds U+0000 or U+10FFFF."""
    if not object_type:
        raise ChaincodeError("BAD_KEY", "a composite key needs an object type")
    for part in (object_type, *attributes):
        _check_text(part)
        if SEPARATOR in part or LAST in part:
            raise ChaincodeError("BAD_KEY", f"{part[:SHOWN]!r} holds U+0000 or U+10FFFF, which separate composite keys")
    return SEPARATOR + SEPARATOR.join((object_type, *attributes)) + SEPARATOR


def split_composite_key(key: str) -> tuple[str, list[str]]:
    """Split a composite key into its object type and attributes; ``BAD_KEY`` when it is none."""
    parts = key.split(SEPARATOR)
    if len(parts) < 3 or parts[0] or parts[-1] or not parts[1] or LAST in key:
        raise ChaincodeError("BAD_KEY", f"{key[:SHOWN]!r} is not a composite key", "Make it with create_composite_key")
    return parts[1], parts[2:-1]


def composite_range(object_type: str, attributes: Sequence[str]) -> tuple[str, str]:
    """Return the range of the composite keys that begin with these parts, start included, end excluded."""
    start = create_composite_key(object_type, attributes)
    return start, start + LAST


def simple_range(start: str, end: str) -> tuple[str, str]:
    """Return the range to ask the peer for, so that it holds no composite key; "" leaves a side open."""
    for bound in (start, end):
        _check_text(bound)
        if bound.startswith(SEPARATOR):
            raise ChaincodeError(
                "BAD_KEY", "a range bound starts with 0x00", "Use get_state_by_partial_composite_key for composite keys"
            )
    return start or FIRST_SIMPLE_KEY, end


def _check_text(key: str) -> None:
    try:
        key.encode()
    except UnicodeEncodeError as error:
        raise ChaincodeError("BAD_KEY", f"{key[:SHOWN]!r} cannot be written as UTF-8") from error
