# SPDX-License-Identifier: Apache-2.0
"""Aggregation nodes: who attests, what ends a round, who is named; the dealer's word on the masks comes first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from medquorum_testing.ledger.consortium_ledger import DEALER, HOSPITALS, A, B, Consortium
from medquorum_testing.ledger.encrypted_consortium import MASKS, EncryptedConsortium, with_nodes

H1, H2, H3 = HOSPITALS
FIVE = [A, B, H1, H2, H3]
OTHER = "e" * 64
Make = Callable[..., Consortium]
Refused = Callable[..., str]


@pytest.fixture
def demo(make: Make, request: pytest.FixtureRequest) -> EncryptedConsortium:
    """A round that is aggregating, with three nodes or as many as the test names."""
    made = make(EncryptedConsortium)
    assert isinstance(made, EncryptedConsortium)
    made.begin(encrypted=with_nodes(*getattr(request, "param", [A, B, H1])))
    made.submit(A, "OpenRound", "demo", 1)
    for hospital in HOSPITALS:
        made.hand_in(hospital, hospital.encode())
    made.submit(A, "CloseSubmissions", "demo", 1, "")
    for hospital in HOSPITALS:
        made.verify(hospital)
    made.submit(A, "CloseVerdicts", "demo", 1, "")
    return made


def say(demo: EncryptedConsortium, node: str, **changes: Any) -> Any:
    return demo.submit(node, "AttestAggregate", "demo", 1, demo.attestation_result(node) | changes)


def mismatch(demo: EncryptedConsortium, node: str, why: str = "MASKS") -> Any:
    return demo.submit(node, "AttestAggregate", "demo", 1, {"model": demo.base(), "mismatch": why})


def close(demo: EncryptedConsortium) -> Any:
    return demo.submit(A, "CloseRound", "demo", 1, "")


def test_nothing_is_attested_before_the_masks(demo: EncryptedConsortium, refused: Refused) -> None:
    refused("MASKS_MISSING", say, demo, A)
    for stranger in (A, H1):
        refused("ACCESS_DENIED", demo.submit, stranger, "AttestMasks", "demo", 1, MASKS)
    written = demo.submit(DEALER, "AttestMasks", "demo", 1, MASKS)
    assert (written["dealer"], written["hash"]) == (DEALER, MASKS)
    assert written["weights"] == dict.fromkeys(HOSPITALS, 1)
    assert demo.ledger.events[-1][0] == "MasksAttested"
    refused("ALREADY_ATTESTED", demo.submit, DEALER, "AttestMasks", "demo", 1, OTHER)
    assert demo.read(H1, "ReadRoundStatus", "demo", 1)["masks"] == written
    assert [v["document"] for v in demo.read(A, "ReadHistory", "masks", ["demo", 1])] == [written]
    say(demo, A)


def test_masks_are_for_aggregating_rounds_of_encrypted_tasks(make: Make, refused: Refused) -> None:
    plain = make()
    plain.begin()
    plain.submit(A, "OpenRound", "demo", 1)
    refused("WRONG_MODE", plain.submit, DEALER, "AttestMasks", "demo", 1, MASKS)
    hidden = make(EncryptedConsortium)
    hidden.begin()
    hidden.submit(A, "OpenRound", "demo", 1)
    refused("ROUND_STATE", hidden.submit, DEALER, "AttestMasks", "demo", 1, MASKS)


def test_only_the_tasks_nodes_attest(demo: EncryptedConsortium, refused: Refused) -> None:
    demo.masks()
    for stranger in (H2, DEALER):
        refused("ACCESS_DENIED", say, demo, stranger)
    assert say(demo, H1)["verifier"] == H1


def test_a_missing_node_holds_nobody_up(demo: EncryptedConsortium) -> None:
    demo.masks()
    say(demo, A)
    say(demo, B)
    demo.store()
    ended = close(demo)
    assert (ended["model"], ended["reason"]) == (demo.attestation_result(A)["model"], None)
    assert "differing" not in ended


def test_a_node_with_another_result_is_named(demo: EncryptedConsortium) -> None:
    demo.masks()
    say(demo, H1, model=OTHER)
    say(demo, A)
    say(demo, B)
    demo.store()
    assert close(demo)["differing"] == [H1]


@pytest.mark.parametrize("demo", [FIVE], indirect=True)
def test_hospitals_cannot_outvote_the_parties(demo: EncryptedConsortium, refused: Refused) -> None:
    demo.masks()
    for hospital in HOSPITALS:
        say(demo, hospital, model=OTHER)
    refused("NO_MAJORITY", close, demo)
    say(demo, A, model=OTHER)
    say(demo, B)
    refused("NO_MAJORITY", close, demo)


@pytest.mark.parametrize("demo", [FIVE], indirect=True)
def test_the_parties_alone_are_no_majority_of_five(demo: EncryptedConsortium, refused: Refused) -> None:
    demo.masks()
    for node in (A, B):
        say(demo, node)
    refused("NO_MAJORITY", close, demo)
    say(demo, H2)
    demo.store()
    assert close(demo)["state"] == "closed"


@pytest.mark.parametrize("why", ["MASKS", "MASKED_SUMS"])
def test_a_sum_of_something_else_keeps_the_base(demo: EncryptedConsortium, refused: Refused, why: str) -> None:
    demo.masks()
    mismatch(demo, A, why)
    say(demo, H1)
    refused("NO_MAJORITY", close, demo)
    mismatch(demo, B, why)
    ended = close(demo)
    assert (ended["model"], ended["reason"], ended["differing"]) == (ended["base"], "SUM_MISMATCH", [H1])
    evidence = demo.read(A, "ReadRoundStatus", "demo", 1)["aggregates"]
    assert {node: document.get("mismatch") for node, document in evidence.items()} == {A: why, B: why, H1: None}


def test_a_worse_model_keeps_the_base(demo: EncryptedConsortium) -> None:
    demo.masks()
    for node in (A, H1):
        say(demo, node)
    say(demo, B, accuracy={"worse": True, "counts": {"base": 30, "model": 10}})
    ended = close(demo)
    assert (ended["model"], ended["reason"]) == (ended["base"], "MODEL_WORSE")
    assert "differing" not in ended, "the others need not repeat what P0 says"
