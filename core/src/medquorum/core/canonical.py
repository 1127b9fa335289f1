# SPDX-License-Identifier: Apache-2.0
"""Canonical JSON: the one byte form of a ledger document (sorted keys, no spaces, integers only, UTF-8)."""

from __future__ import annotations

import json
from typing import Any

from medquorum.errors import ContractError

__all__ = ["decode", "encode"]


def encode(document: Any) -> bytes:
    """Encode a document of dict, list, str, int, bool and None.

    Raises
    ------
    ContractError
        ``BAD_JSON`` when the document holds a float or a type JSON does not have.
    """
    _refuse_floats(document)
    try:
        return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    except (TypeError, ValueError, UnicodeEncodeError) as error:
        raise ContractError("BAD_JSON", f"the document cannot be written as JSON: {error}") from error


def decode(raw: bytes | str) -> Any:
    """Decode JSON text; numbers must be integers, keys must not repeat.

    Raises
    ------
    ContractError
        ``BAD_JSON`` when the text is not JSON, not UTF-8, holds a float, NaN or a repeated key.
    """
    try:
        return json.loads(raw, parse_float=_no_float, parse_constant=_no_float, object_pairs_hook=_no_repeated_key)
    except (ValueError, RecursionError) as error:
        raise ContractError("BAD_JSON", f"not canonical JSON: {error}", "Send integers and unique keys only") from error


def _refuse_floats(value: Any) -> None:
    if isinstance(value, float):
        raise ContractError("BAD_JSON", "the ledger holds integers only, a float was given")
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise ContractError("BAD_JSON", "a key is not a string")
            _refuse_floats(item)
    elif isinstance(value, list | tuple):
        for item in value:
            _refuse_floats(item)


def _no_float(text: str) -> None:
    raise ValueError(f"{text} is not an integer")


def _no_repeated_key(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise ValueError("a key is repeated")
    return document
