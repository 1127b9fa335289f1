# SPDX-License-Identifier: Apache-2.0
"""Typed, size-limited transaction arguments: every argument is checked before a transaction's first read."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from medquorum.core import canonical
from medquorum.core.documents.fields import HASH_PATTERN, MAX_CHUNKS, MAX_MEMBERS, MAX_ROUND, MSP_PATTERN, TASK_PATTERN
from medquorum.errors import ContractError

__all__ = ["Argument", "HashText", "Index", "Json", "JsonList", "Msp", "Reason", "RoundNumber", "TaskId", "Word"]


@dataclass(frozen=True)
class Argument:
    """How one argument is read: its JSON schema (for the contract's metadata), its size limit and its parser."""

    schema: Mapping[str, Any]
    max_bytes: int
    parse: Callable[[str], Any]

    def read(self, name: str, raw: bytes) -> Any:
        """Parse ``raw``.

        Raises
        ------
        ContractError
            ``BAD_ARGUMENT`` when the bytes are too many, not UTF-8 or not of this type.
        """
        if len(raw) > self.max_bytes:
            raise ContractError(
                "BAD_ARGUMENT",
                f"{name} has {len(raw)} bytes",
                f"At most {self.max_bytes} are read; send bytes as transient",
            )
        try:
            return self.parse(raw.decode())
        except ValueError as error:
            raise ContractError("BAD_ARGUMENT", f"{name}: {error}") from error


def _pattern(pattern: str) -> Argument:
    compiled = re.compile(pattern)

    def parse(text: str) -> str:
        if not compiled.fullmatch(text):
            raise ValueError(f"{text!r:.80} does not match {pattern}")
        return text

    return Argument({"type": "string", "pattern": f"^{pattern}$"}, 64, parse)


def _integer(low: int, high: int) -> Argument:
    def parse(text: str) -> int:
        if not re.fullmatch(r"0|[1-9][0-9]{0,8}", text, re.ASCII) or not low <= int(text) <= high:
            raise ValueError(f"{text!r:.80} is not a whole number from {low} to {high}")
        return int(text)

    return Argument({"type": "integer", "minimum": low, "maximum": high}, 9, parse)


def _json(text: str) -> Any:
    return canonical.decode(text)


def _reason(text: str) -> str:
    if not text.isprintable():
        raise ValueError("a reason is one line of printable text")
    return text


# An MSP id in a list: 64 bytes, quotes, comma and blank.
_NAME_BYTES = 68

TaskId = Annotated[str, _pattern(TASK_PATTERN)]
Msp = Annotated[str, _pattern(MSP_PATTERN)]
HashText = Annotated[str, _pattern(HASH_PATTERN)]
Word = Annotated[str, _pattern(r"[A-Za-z]{1,32}")]
RoundNumber = Annotated[int, _integer(1, MAX_ROUND)]
Index = Annotated[int, _integer(0, MAX_CHUNKS - 1)]
Reason = Annotated[str, Argument({"type": "string", "maxLength": 256}, 256, _reason)]
Json = Annotated[Any, Argument({"type": "object"}, 1 << 20, _json)]
JsonList = Annotated[
    Any, Argument({"type": "array", "items": {"type": "string"}}, 2 + MAX_MEMBERS * _NAME_BYTES, _json)
]
