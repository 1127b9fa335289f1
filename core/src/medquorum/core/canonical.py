# SPDX-License-Identifier: Apache-2.0
"""Canonical JSON: the one byte form of a ledger document (sorted keys, no spaces, integers only, UTF-8).

What one organisation can write every other can read: depth and integers are bounded, whatever Python's stack leaves.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from medquorum.errors import ContractError

__all__ = ["MAX_DEPTH", "MAX_INTEGER", "decode", "encode"]

MAX_DEPTH = 32
"""Objects and lists within each other."""
MAX_INTEGER = (1 << 63) - 1
"""Integers have 64 bits with their sign: from ``-MAX_INTEGER - 1`` on."""

# A string ends at its quote or with the text, so that no string is read twice.
_BRACKETS = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?|[\[\]{}]', re.DOTALL)
# Fewer digits are within 64 bits. Only a text with as many in a row is read number by number, which takes longer.
_LONG = b"0" * 19
_TO_ZEROS = bytes(ord("0") if chr(byte) in "0123456789" else ord(" ") for byte in range(256))
_DIGITS = len(str(-MAX_INTEGER))


def encode(document: Any) -> bytes:
    """Encode a document of dict, list, str, int, bool and None.

    Raises
    ------
    ContractError
        ``BAD_JSON`` when the document holds a float, an integer beyond 64 bits or a type JSON does not have, or is
        nested deeper than ``MAX_DEPTH``.
    """
    _check(document, 0)
    try:
        return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    except (TypeError, ValueError) as error:
        raise ContractError("BAD_JSON", f"the document cannot be written as JSON: {error}") from error


def decode(raw: bytes | str) -> Any:
    """Decode JSON text; numbers must be integers of 64 bits, keys must not repeat. What it gives can be encoded.

    Raises
    ------
    ContractError
        ``BAD_JSON`` when the text is not JSON, not UTF-8, nested deeper than ``MAX_DEPTH``, or holds a float, NaN, a
        larger integer, a repeated key or half a surrogate pair.
    """
    try:
        text, whole = (raw, raw.encode()) if isinstance(raw, str) else (raw.decode(), raw)
        _check_depth(text)
        document = (_OF_ANY_NUMBERS if _LONG in whole.translate(_TO_ZEROS) else _OF_SHORT_NUMBERS).decode(text)
    except ValueError as error:
        raise ContractError("BAD_JSON", f"not canonical JSON: {error}", "Send integers and unique keys only") from error
    if "\\u" in text:
        encode(document)
    return document


def _check(value: Any, depth: int) -> None:
    if isinstance(value, dict | list | tuple):
        if depth == MAX_DEPTH:
            raise ContractError("BAD_JSON", f"the document is nested deeper than {MAX_DEPTH}")
        items: Iterable[Any] = value
        if isinstance(value, dict):
            for key in value:
                if not isinstance(key, str):
                    raise ContractError("BAD_JSON", "a key is not a string")
            items = value.values()
        for item in items:
            if type(item) is not str:  # most are, and a call for each takes half of the time
                _check(item, depth + 1)
    elif isinstance(value, float):
        raise ContractError("BAD_JSON", "the ledger holds integers only, a float was given")
    elif isinstance(value, int) and not -MAX_INTEGER - 1 <= value <= MAX_INTEGER:
        raise ContractError("BAD_JSON", "an integer has more than 64 bits")


def _check_depth(text: str) -> None:
    """Refuse what is nested too deeply before it is parsed: the parser's own limit is what is left of the stack."""
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return
    depth = 0
    for bracket in _BRACKETS.finditer(text):
        if bracket[0] in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise ValueError(f"nested deeper than {MAX_DEPTH}")
        elif bracket[0] in "]}":
            depth -= 1


def _integer(text: str) -> int:
    if len(text) <= _DIGITS and -MAX_INTEGER - 1 <= (value := int(text)) <= MAX_INTEGER:
        return value
    raise ValueError(f"{text:.24} has more than 64 bits")


def _no_float(text: str) -> None:
    raise ValueError(f"{text:.24} is not an integer")


def _no_repeated_key(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise ValueError("a key is repeated")
    return document


_OF_SHORT_NUMBERS = json.JSONDecoder(
    parse_float=_no_float, parse_constant=_no_float, object_pairs_hook=_no_repeated_key
)
_OF_ANY_NUMBERS = json.JSONDecoder(
    parse_float=_no_float, parse_constant=_no_float, parse_int=_integer, object_pairs_hook=_no_repeated_key
)
