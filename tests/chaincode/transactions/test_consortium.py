# SPDX-License-Identifier: Apache-2.0
"""The consortium: who may write it, what it may say, and how it changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from medquorum.chaincode.contract import Contract
from medquorum.core.documents.consortium import Consortium as Founded
from medquorum_testing.ledger.consortium_ledger import DEALER, HOSPITALS, MEMBERS, A, B, Consortium


def test_once(make: Callable[..., Consortium], refused: Callable[..., str]) -> None:
    demo = make()
    refused("CONSORTIUM_MISSING", demo.read, A, "ReadConsortium")
    demo.init()
    assert demo.read(HOSPITALS[0], "ReadConsortium") == {
        "docType": "consortium",
        "ledger_format": 2,
        "sequence": 1,
        "quorum": 2,
        "members": MEMBERS,
    }
    refused("CONSORTIUM_EXISTS", demo.init)
    assert demo.ledger.events == [("ConsortiumChanged", b'{"sequence":1}')]


@pytest.mark.parametrize(
    "change",
    [
        {"quorum": 3},
        {"quorum": 0},
        {"quorum": 1},
        {"quorum": True},
        {"quorum": "2"},
        {"members": {}},
        {"members": {A: []}},
        {"members": {A: ["verifier"], B: ["verifier"]}},
        {"members": MEMBERS | {A: ["coordinator", "verifier", "verifier"]}},
        {"members": MEMBERS | {A: ["coordinator", "king"]}},
        {"members": MEMBERS | {HOSPITALS[0]: ["hospital", "verifier"]}},
        {"members": MEMBERS | {DEALER: ["dealer", "verifier"]}},
        {"members": MEMBERS | {"no msp": ["hospital"]}},
        {"sequence": 7},
        {"extra": 1},
    ],
)
def test_bad_documents(make: Callable[..., Consortium], refused: Callable[..., str], change: dict[str, Any]) -> None:
    document = {"quorum": 2, "members": MEMBERS} | change
    refused("BAD_CONSORTIUM", make().submit, A, "InitConsortium", document, unit="admin")


def test_who_may_initialise(make: Callable[..., Consortium], refused: Callable[..., str]) -> None:
    demo = make()
    document = {"quorum": 2, "members": MEMBERS}
    for msp, unit in ((A, "client"), (A, "peer"), ("StrangerMSP", "admin")):
        refused("ACCESS_DENIED", demo.submit, msp, "InitConsortium", document, unit=unit)


def test_k_equal_approvals_change_it(make: Callable[..., Consortium], refused: Callable[..., str]) -> None:
    demo = make()
    demo.init()
    document = {"quorum": 2, "members": MEMBERS | {"Hospital4MSP": ["hospital"]}}
    refused("ACCESS_DENIED", demo.submit, HOSPITALS[0], "UpdateConsortium", document, unit="admin")
    refused("ACCESS_DENIED", demo.submit, A, "UpdateConsortium", document, unit="client")
    assert demo.submit(A, "UpdateConsortium", document, unit="admin") == {
        "sequence": 1,
        "approved": [A],
        "required": 2,
    }
    other = {"quorum": 2, "members": MEMBERS}
    assert demo.submit(B, "UpdateConsortium", other, unit="admin")["approved"] == [B]
    assert demo.submit(A, "UpdateConsortium", document, unit="admin")["approved"] == [A], "one voice counts once"
    assert demo.submit(B, "UpdateConsortium", document, unit="admin")["sequence"] == 2
    assert "Hospital4MSP" in demo.read(A, "ReadConsortium")["members"]
    assert demo.submit(B, "UpdateConsortium", document, unit="admin")["approved"] == [B], "old approvals are spent"


def test_a_verifier_founds_only_the_consortium_it_was_told(
    make: Callable[..., Consortium], refused: Callable[..., str]
) -> None:
    """A hospital that is faster than the coordinator leaves nobody out and makes itself nothing."""
    hospital = HOSPITALS[0]
    alone = {"quorum": 1, "members": {hospital: ["coordinator", "verifier"]}}
    crowned = {"quorum": 2, "members": MEMBERS | {hospital: ["hospital", "coordinator"]}}
    dealt = {"quorum": 2, "members": MEMBERS | {DEALER: ["auditor", "dealer"]}}
    demo = make()
    for document in (alone, crowned, dealt):
        text = refused("BAD_CONSORTIUM", demo.submit, hospital, "InitConsortium", document, unit="admin")
        assert f"{A} expects the consortium" in text
    reordered = {"quorum": 2, "members": {msp: roles[::-1] for msp, roles in MEMBERS.items()}}
    demo.submit(hospital, "InitConsortium", reordered, unit="admin")


def test_a_chaincode_that_was_told_nothing_founds_nothing(
    make: Callable[..., Consortium], refused: Callable[..., str]
) -> None:
    demo = make()
    for msp, node in demo.nodes.items():
        demo.ledger.organisations[msp].chaincode = Contract(replace(node, founding=None))
    assert "expects the consortium of nobody" in refused("BAD_CONSORTIUM", demo.init)


@pytest.mark.parametrize(("verifiers", "least"), [(1, 1), (2, 2), (5, 2)])
def test_no_verifier_of_several_decides_alone(verifiers: int, least: int) -> None:
    members = {f"V{number}MSP": ["verifier", "coordinator"] for number in range(verifiers)}
    for quorum in range(verifiers + 3):
        fields = {"sequence": 1, "quorum": quorum, "members": members}
        if least <= quorum <= verifiers:
            Founded.model_validate(fields)
        else:
            with pytest.raises(ValidationError):
                Founded.model_validate(fields)
