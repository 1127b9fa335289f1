# SPDX-License-Identifier: Apache-2.0
"""Dispatch and metadata: names, arguments, and transactions that only answer."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest

from medquorum.chaincode.context import Context
from medquorum.chaincode.contract import Contract
from medquorum.errors import ContractError
from medquorum.shim import PeerError
from medquorum_testing.ledger.consortium_ledger import HOSPITALS, A, Consortium
from medquorum_testing.ledger.memory_stub import MemoryStub, creator
from medquorum_testing.places import REPOSITORY

Refused = Callable[..., str]


def metadata(demo: Consortium) -> dict[str, dict[str, object]]:
    found = demo.read(A, "org.hyperledger.fabric:GetMetadata")
    assert set(found) == {"$schema", "info", "contracts", "components"}
    assert {"title", "version"} <= set(found["info"])
    contract = found["contracts"]["medquorum"]
    assert contract["name"] == "medquorum"
    return {transaction["name"]: transaction for transaction in contract["transactions"]}


def test_metadata_describes_every_transaction(demo: Consortium) -> None:
    transactions = metadata(demo)
    assert transactions["SubmitUpdate"] == {
        "name": "SubmitUpdate",
        "tag": ["SUBMIT", "submitTx"],
        "parameters": [
            {"name": "task", "required": True, "schema": {"type": "string", "pattern": "^[a-z0-9][a-z0-9-]{0,31}$"}},
            {"name": "round_number", "required": True, "schema": {"type": "integer", "minimum": 1, "maximum": 999999}},
            {"name": "document", "required": True, "schema": {"type": "object"}},
        ],
        "returns": {
            "type": "string",
            "description": "Freeze the caller's update {base, layout, chunks}; once per round.",
        },
    }
    assert transactions["ReadRound"]["tag"] == ["EVALUATE"]


def test_every_transaction_is_documented(demo: Consortium) -> None:
    text = (REPOSITORY / "docs" / "reference" / "transactions.md").read_text()
    named = set(re.findall(r"`([A-Z][A-Za-z]+)\(", text)) - {"OutOf"}
    assert named == set(metadata(demo))


def test_names(demo: Consortium) -> None:
    assert demo.read(A, "medquorum:ListTasks") == ["demo"]
    for name in ("NoSuchThing", "listTasks", "other:ListTasks", "", "_base"):
        with pytest.raises(PeerError) as caught:
            demo.read(A, name)
        assert str(caught.value) == f"You've asked to invoke a function that does not exist: {name}"


@pytest.mark.parametrize(
    "args",
    [
        (),
        ("demo",),
        ("demo", "1", "2"),
        ("Demo", "1"),
        ("demo\n", "1"),
        ("demo", "0"),
        ("demo", "01"),
        ("demo", "-1"),
        ("demo", "1.0"),
        ("demo", "1000000"),
        ("demo", "٣"),
        ("demo", ""),
        ("x" * 100, "1"),
        ("d\u00e9mo", "1"),
    ],
)
def test_bad_arguments(demo: Consortium, refused: Refused, args: tuple[str, ...]) -> None:
    refused("BAD_ARGUMENT", demo.read, A, "ReadRound", *args)


def test_arguments_that_are_not_text(demo: Consortium) -> None:
    stub = MemoryStub(demo.ledger, A, creator(A), [b"ReadTask", b"\xff\xfe"], {})
    assert demo.ledger.organisations[A].chaincode.invoke(stub).message.startswith("BAD_ARGUMENT: task: ")
    assert Contract(demo.nodes[A]).invoke(MemoryStub(demo.ledger, A, creator(A), [], {})).status == 500


def test_sizes_are_bounded(demo: Consortium, refused: Refused) -> None:
    refused("BAD_ARGUMENT", demo.submit, A, "CreateTask", " " * (1 << 20) + "{}")
    demo.submit(A, "OpenRound", "demo", 1)
    refused("BAD_ARGUMENT", demo.submit, A, "AbortRound", "demo", 1, "x" * 257)
    refused("BAD_ARGUMENT", demo.submit, A, "AbortRound", "demo", 1, "two\nlines")


def test_strangers_identity(demo: Consortium) -> None:
    stub = MemoryStub(demo.ledger, A, b"no identity", [b"ListTasks"], {})
    assert demo.ledger.organisations[A].chaincode.invoke(stub).message.startswith("BAD_IDENTITY: ")


def test_evaluate_only_transactions_cannot_write(demo: Consortium) -> None:
    stub = MemoryStub(demo.ledger, A, creator(A), [], {})
    context = Context(stub, demo.nodes[A], read_only=True)
    for write in (
        lambda: context.put_bytes("key", b"value"),
        lambda: context.put_private("updates", "key", b"value"),
        lambda: context.purge_private("updates", "key"),
        lambda: context.restrict("key", b"policy"),
        lambda: context.event("Event"),
    ):
        with pytest.raises(ContractError, match="READ_ONLY"):
            write()
    assert not stub.simulation.writes and stub.simulation.event is None


def test_no_evaluate_transaction_wrote_in_a_whole_round(demo: Consortium) -> None:
    demo.play(1, {HOSPITALS[0]: demo.good_update()})
    answering = {name for name, t in metadata(demo).items() if t["tag"] == ["EVALUATE"]}
    for function, simulation in demo.ledger.simulations:
        if function in answering:
            assert not (simulation.writes or simulation.private_writes or simulation.policies or simulation.event)
        elif simulation.writes:
            assert simulation.event is not None or function == "PutModelChunk"
    events = [(name, json.loads(payload)) for name, payload in demo.ledger.events]
    assert [name for name, _ in events] == [
        "ConsortiumChanged",
        "TaskCreated",
        "RoundOpened",
        "UpdateSubmitted",
        "SubmissionsClosed",
        "UpdateVerified",
        "VerdictsClosed",
        "ModelAttested",
        "ModelAttested",
        "ModelChunkStored",
        "RoundClosed",
    ]
    assert events[5][1] == {"task": "demo", "round": 1, "hospital": HOSPITALS[0]}
