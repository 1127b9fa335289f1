# SPDX-License-Identifier: Apache-2.0
"""Every number in what another organisation sends is in its range: nothing that cannot be written or added to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from medquorum.clients.encrypted.aggregation.resharing import _Reached
from medquorum.clients.encrypted.party.control_messages import Next
from medquorum.core.message import Message
from medquorum.core.model import catalogue
from medquorum.errors import ProtocolError
from medquorum.verifier.randomness.identifier import MaterialId
from medquorum.verifier.service import party_connection, salts, share_receipt, share_upload, update_masks
from medquorum.verifier.service.dealing.gate_frames import decode_gate
from medquorum.verifier.service.dealing.request import DealRequest
from medquorum.verifier.service.deliveries import Delivery
from medquorum.verifier.session.backend_agreement import _Bandwidth
from medquorum.verifier.session.greeting import Greeting

HASH = "a" * 64
PLAN = {
    "parties": ["P0MSP", "P1MSP"],
    "model": catalogue.describe("mlp", (1, 4, 4), 2),
    "subjects": ["mixed"],
    "lambda_numerator": 1,
    "lambda_bits": 1,
    "grayscale": True,
    "norm": None,
    "per_class": False,
    "comparison": "tree",
    "batch": 2,
    "images": 5,
    "first_batch": 0,
    "needed": 1,
    "updates": 0,
}
STATED = {"correct": 3, "per_class_correct": [1, 2], "per_class_total": [2, 3]}
MESSAGES: dict[type[Message], dict[str, Any]] = {
    Greeting: {
        "attempts": 1,
        "batches": [1, 1],
        "comparing": "tree",
        "dealt": 1,
        "facts": {"dataset": HASH},
        "images": True,
        "refusals": 0,
        "result": 1,
        "revealing": True,
        "share": True,
        "statement": STATED,
    },
    _Bandwidth: {"dealer": 5},
    DealRequest: {
        "task": "demo",
        "round": 1,
        "hospital": "H1MSP",
        "updates": [["H1MSP", HASH]],
        "attempt": 1,
        "party": 0,
        "plan": PLAN,
    },
    Delivery: {
        "kind": "reshare",
        "task": "demo",
        "round": 1,
        "set": HASH,
        "nodes": ["AMSP", "BMSP"],
        "masked": HASH,
        "messages": 1,
    },
    salts._Question: {"task": "demo", "round": 1},
    update_masks._Question: {"task": "demo", "round": 1, "base": HASH},
    update_masks._Answer: {"nonce": HASH, "seeds": [HASH, HASH]},
    share_receipt._Question: {"task": "demo", "round": 1, "hospital": "H1MSP"},
    share_upload._Header: {"task": "demo", "round": 1},
    party_connection._Header: {"connection": "demo/1"},
    Next: {"do": "verify", "hospitals": ["H1MSP"]},
    _Reached: {"set": HASH, "nodes": ["AMSP"]},
}
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
        decode_gate(MaterialId("demo", 1, "H1MSP"), len(name).to_bytes(4, "little") + name + b"message")
