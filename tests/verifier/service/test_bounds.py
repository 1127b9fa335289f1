# SPDX-License-Identifier: Apache-2.0
"""Every number in what another organisation sends is in its range: nothing that cannot be written or added to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from medquorum.core.message import Message
from medquorum.errors import ProtocolError
from medquorum.verifier.randomness.identifier import MaterialId
from medquorum.verifier.service.dealing.gate_frames import decode_gate
from medquorum_testing.encrypted.messages import MESSAGES

KINDS = pytest.mark.parametrize("kind", MESSAGES, ids=lambda kind: kind.called)
NUMBERS = [b"9" * 4_300, b"-" + b"9" * 4_299, str(1 << 63).encode(), str(1 << 62).encode(), b"-2", b"true", b"1.0"]


def numbers(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Return the path of every number in a document but those of the model, which its own parser holds."""
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for name, item in items:
            if name != "model":
                yield from numbers(item, (*path, name))
    elif isinstance(value, int) and not isinstance(value, bool):
        yield path


def with_raw(document: dict[str, Any], path: tuple[Any, ...], raw: bytes) -> bytes:
    """Return the document's JSON with other bytes in place of one value."""
    copy = json.loads(json.dumps(document))
    inner = copy
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = "RAW"
    return json.dumps(copy).encode().replace(b'"RAW"', raw)


@KINDS
def test_what_is_well_formed_is_read(kind: type[Message]) -> None:
    document = MESSAGES[kind]
    assert json.loads(kind.decode(json.dumps(document).encode()).encode()) == document


@KINDS
def test_every_number_is_bounded(kind: type[Message]) -> None:
    document = MESSAGES[kind]
    for path in numbers(document):
        for raw in NUMBERS:
            with pytest.raises(ProtocolError, match=f"no {kind.called}"):
                kind.decode(with_raw(document, path, raw))


@KINDS
def test_fields_are_exact(kind: type[Message]) -> None:
    document = MESSAGES[kind]
    for wrong in (document | {"more": 1}, [document], None, 7, {}, document | {next(iter(document)): {"a": {"b": []}}}):
        with pytest.raises(ProtocolError):
            kind.decode(json.dumps(wrong).encode())
    text = json.dumps(document).encode()
    repeated = b'{"' + next(iter(document)).encode() + b'":1,' + text[1:]
    for raw in (
        repeated,
        text[:-1],
        b"[" * 100_000,
        b"\xff",
        text.replace(b"{", b'{"x":' + b"[" * 900 + b"]" * 900 + b",", 1),
    ):
        with pytest.raises(ProtocolError):
            kind.decode(raw)


@pytest.mark.parametrize("batch", NUMBERS)
def test_a_gates_batch_is_bounded(batch: bytes) -> None:
    name = b"[" + batch + b',"gate"]'
    with pytest.raises(ProtocolError):
        decode_gate(MaterialId("demo", 1, "H1MSP"), memoryview(len(name).to_bytes(4, "little") + name + b"message"))
