# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import cast

import pytest
from cryptography import x509
from hypothesis import given, settings
from hypothesis import strategies as st

from medquorum.errors import ConfigError
from medquorum.network.devnet.policy import policy
from medquorum.network.identity.msp import Identity
from medquorum_testing.network.devnet_ledger import A, B, C, HandMadeLedger


class Certificate:
    """Stands for a certificate where only its identity counts."""

    def __init__(self, name: str) -> None:
        self._name = name

    def fingerprint(self, _: object) -> bytes:
        return self._name.encode()


def peer(msp: str, role: str = "peer", fault: str = "") -> Identity:
    certificate = cast(x509.Certificate, Certificate(f"{msp}{role}"))
    return Identity(msp, certificate, role, frozenset({role}), fault)


@given(
    required=st.integers(1, 5),
    signed=st.sets(st.sampled_from("ABCDE")),
    others=st.sets(st.sampled_from("VWXYZ")),
)
def test_out_of_counts_distinct_named_organisations(required: int, signed: set[str], others: set[str]) -> None:
    envelope = policy.out_of(required, [f"{name}.peer" for name in "ABCDE"])
    identities = [peer(name) for name in [*signed, *others, *signed]]
    assert policy.satisfied(envelope, identities) == (len(signed) >= required)


def test_one_identity_counts_once() -> None:
    assert not policy.satisfied(policy.parse("AND('A.peer', 'A.member')"), [peer("A"), peer("A")])
    assert policy.satisfied(policy.parse("AND('A.peer', 'A.member')"), [peer("A"), peer("A", "client")])


@pytest.mark.parametrize(
    ("text", "signers", "expected"),
    [
        ("OR('A.member', 'B.admin')", [peer("A", "client")], True),
        ("OR('A.member', 'B.admin')", [peer("B", "client")], False),
        ("and('A.peer', or('B.peer', 'C.peer'))", [peer("A"), peer("C")], True),
        ("OutOf(2, 'A.peer', AND('B.peer', 'C.peer'), 'D.peer')", [peer("A"), peer("B")], False),
        ("OutOf(2, 'A.peer', AND('B.peer', 'C.peer'), 'D.peer')", [peer("A"), peer("B"), peer("C")], True),
        ("OR('A.peer')", [peer("A", fault="certificate signed by unknown authority")], False),
        ("'A.orderer'", [peer("A", "orderer")], True),
    ],
)
def test_satisfied(text: str, signers: list[Identity], expected: bool) -> None:
    assert policy.satisfied(policy.parse(text), signers) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "OutOf(2)",
        "OutOf(2",
        "OutOf(3, 'A.peer', 'B.peer')",
        "OutOf(0, 'A.peer')",
        "OutOf('A.peer', 2)",
        "OR('A.king')",
        "OR('A.peer'",
        "OR('A.peer') OR('B.peer')",
        "OR('A.peer' 'B.peer')",
        "OR()",
        "OR(;)",
        "XOR('A.peer')",
    ],
)
def test_bad_policies_are_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        policy.parse(text)


@settings(max_examples=200)
@given(st.text(alphabet="OutOf(AND,OR) '12AB.peer", max_size=40))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    try:
        envelope = policy.parse(text)
    except ConfigError:
        return
    assert policy.read(envelope.SerializeToString()) == envelope


def test_named_organisations() -> None:
    assert policy.member_organisations(policy.parse("OR('A.member', AND('B.peer', 'A.admin'))")) == {"A", "B"}


def test_real_identities(hand_made: HandMadeLedger) -> None:
    peers = hand_made.ledger.members.peers
    envelope = policy.out_of(2, [f"{msp}.peer" for msp in (A, B, C)])
    assert policy.satisfied(envelope, [peers[A], peers[C]])
    client = hand_made.msps.identity(hand_made.clients[B].serialized)
    assert not policy.satisfied(envelope, [peers[A], client])
