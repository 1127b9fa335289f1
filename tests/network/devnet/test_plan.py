# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
from fabric_protos.peer.proposal_response_pb2 import Endorsement, ProposalResponse

from medquorum.network.devnet.gateway.plan import MISMATCH, Plan, layouts
from medquorum.network.devnet.policy import policy
from medquorum_testing.network.devnet_ledger import A, B, C, HandMadeLedger


def response(payload: bytes, who: str) -> ProposalResponse:
    return ProposalResponse(payload=payload, endorsement=Endorsement(endorser=who.encode()))


def test_layouts_are_the_smallest_sets(hand_made: HandMadeLedger) -> None:
    peers = hand_made.ledger.members.peers
    two = policy.parse(f"OutOf(2, '{A}.peer', '{B}.peer', '{C}.peer')")
    assert set(layouts([two], peers)) == {frozenset({A, B}), frozenset({A, C}), frozenset({B, C})}
    assert set(layouts([two, policy.parse(f"OR('{C}.peer')")], peers)) == {frozenset({A, C}), frozenset({B, C})}
    assert layouts([two], {A: peers[A]}) == []
    assert layouts([policy.parse(f"OR('{A}.client')")], peers) == []


def test_another_layout_is_tried_when_a_peer_fails() -> None:
    plan = Plan([frozenset({A, B}), frozenset({A, C})])
    plan.endorsed(A, "a:1", response(b"result", A))
    assert plan.next() == [B]
    plan.failed(B, "b:1", "chaincode stream terminated")
    assert plan.next() == [C]
    plan.endorsed(C, "c:1", response(b"result", C))
    assert plan.next() == []
    assert [e.endorser for e in plan.complete()] == [A.encode(), C.encode()]
    assert [d.msp_id for d in plan.details] == [B]


@pytest.mark.parametrize("wrong", [b"other", b""])
def test_results_must_equal_the_first(wrong: bytes) -> None:
    plan = Plan([frozenset({A, B})])
    plan.endorsed(A, "a:1", response(b"result", A))
    plan.endorsed(B, "b:1", response(wrong, B))
    assert plan.next() is None
    assert [(d.address, d.msp_id, d.message) for d in plan.details] == [("b:1", B, MISMATCH)]


def test_a_first_endorser_outside_the_layouts_sets_the_result() -> None:
    plan = Plan([frozenset({B, C})])
    plan.endorsed(A, "a:1", response(b"result", A))
    assert plan.next() == [B, C]
    plan.endorsed(B, "b:1", response(b"result", B))
    plan.endorsed(C, "c:1", response(b"result", C))
    assert [e.endorser for e in plan.complete()] == [B.encode(), C.encode()]
