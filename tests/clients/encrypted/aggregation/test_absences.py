# SPDX-License-Identifier: Apache-2.0
"""Aggregation while somebody is away, was killed, or has lost what it kept."""

from __future__ import annotations

import pytest

from medquorum.clients.encrypted.aggregation.new_model import ModelPublisher
from medquorum.clients.encrypted.aggregation.result import masked_hash
from medquorum.clients.encrypted.party.agent import Party, PartyParts
from medquorum.clients.ledger.ledger import Ledger
from medquorum.errors import MaterialError, ProtocolError, ShareError
from medquorum.gateway import GatewayError
from medquorum.verifier.service.deliveries import Delivery
from medquorum.verifier.service.party_connection import PartyConnection
from medquorum_testing.ledger.aggregation_rig import Make, Rig, aggregating
from medquorum_testing.ledger.consortium_ledger import DEALER, HOSPITALS, A, B

H1, H2, H3 = HOSPITALS
THREE = (A, B, H1)


def test_a_missing_node_is_left_out_by_both_parties(make: Make) -> None:
    rig = aggregating(make, A, B, *HOSPITALS)
    rig.down = {H1, H3}
    rig.share()
    rig.attest_masks()
    found = rig.run()
    assert sorted(found) == sorted([A, B, H2])
    assert {one["model"] for one in found.values()} == {rig.expected()}
    rig.store()
    assert rig.close()["model"] == rig.expected()


def test_too_few_nodes_open_nothing(make: Make) -> None:
    rig = aggregating(make, A, B, *HOSPITALS)
    rig.down = set(HOSPITALS)
    with pytest.raises(ProtocolError, match="too few aggregation nodes are there: Hospital1MSP, Hospital2MSP"):
        rig.share()
    rig.attest_masks()
    assert rig.run() == {}


def test_a_node_killed_after_its_reshare_is_replaced(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    rig = aggregating(make, *THREE)
    rig.share()
    rig.attest_masks()
    rig.down = {H1}
    assert rig.run() == {}, "its sum is missing"
    assert [resharer.due(rig.status) for resharer in rig.resharers] == [False, False]
    monkeypatch.setattr("medquorum.clients.encrypted.aggregation.resharing.SILENT_NODE_TIMEOUT", -1.0)
    assert [resharer.due(rig.status) for resharer in rig.resharers] == [True, True]
    rig.share()
    found = rig.run()
    assert sorted(found) == [A, B]
    assert {one["model"] for one in found.values()} == {rig.expected()}
    first, second = (rig.folder / A / "000001" / "aggregation").glob("*/nodes.json")
    assert first.read_bytes() != second.read_bytes()


def test_parties_and_nodes_killed_between_record_and_opening_go_on(make: Make) -> None:
    rig = aggregating(make, *THREE)
    rig.share()
    sent = {msp: list(rig.heard[msp]) for msp in THREE}
    for msp in THREE:
        rig.restart(msp)
    rig.share()
    for msp in THREE:
        again = [value for value in rig.heard[msp][len(sent[msp]) :] if value not in sent[msp]]
        assert not [value for _, value in again if len(value) in (32, 8 * rig.parameters)], "the same re-shares again"
    rig.attest_masks()
    for msp in THREE:
        rig.restart(msp)
    assert {one["model"] for one in rig.run().values()} == {rig.expected()}


def test_without_the_dealer_nothing_is_attested_until_it_is_back(make: Make) -> None:
    rig = aggregating(make)
    rig.share()
    rig.attest_masks()
    rig.down = {DEALER}
    assert rig.run() == {}, "no salt, no check, no attestation"
    rig.down = set()
    assert {one["model"] for one in rig.run().values()} == {rig.expected()}


def test_a_dealer_that_lost_its_seeds_attests_nothing(make: Make) -> None:
    rig = aggregating(make)
    for place in (rig.folder / DEALER / "000001").glob("*.mask"):
        place.unlink()
    rig.share()
    rig.attest_masks()
    assert rig.status.masks is None
    assert rig.run() == {}


def test_the_dealer_gives_its_salt_to_nodes_only_and_forgets(make: Make) -> None:
    rig = aggregating(make)
    with pytest.raises(ProtocolError, match="not attested"):
        rig.mask_attestor.salt(A, "demo", 1)
    rig.attest_masks()
    for stranger in (H1, DEALER):
        with pytest.raises(ProtocolError, match=f"{stranger} is no aggregation node"):
            rig.mask_attestor.salt(stranger, "demo", 1)
    assert len(rig.mask_attestor.salt(A, "demo", 1)) == 32
    rig.demo.submit(A, "AbortRound", "demo", 1, "the test ends")
    rig.mask_attestor.step()
    assert not (rig.folder / DEALER / "000001").exists()


def test_a_dealer_that_lost_its_salt_draws_no_other(make: Make) -> None:
    """Another one would make every sum look shifted, and end the round as if somebody had shifted it."""
    rig = aggregating(make)
    rig.share()
    rig.attest_masks()
    place = rig.folder / DEALER / "000001" / "salt"
    place.unlink()
    with pytest.raises(MaterialError, match="the salt of round 1 is gone"):
        rig.mask_attestor.salt(A, "demo", 1)
    assert rig.run() == {}
    assert not place.exists()


def lose_sums(rig: Rig, sender: str, receiver: str) -> None:
    """Have a node's sums not reach another node."""

    def bend(source: str, to: str, header: Delivery, messages: list[bytes]) -> list[bytes]:
        if (header.kind, source, to) == ("sum", sender, receiver):
            raise ProtocolError(f"{receiver} cannot be reached")
        return messages

    rig.bend = bend


def test_a_node_that_attested_and_was_killed_still_delivers_its_sum(make: Make) -> None:
    rig = aggregating(make)
    rig.share()
    rig.attest_masks()
    lose_sums(rig, A, B)
    assert sorted(rig.run()) == [A]
    rig.bend = lambda sender, receiver, header, messages: messages
    rig.restart(A)
    found = rig.run()
    assert sorted(found) == sorted([A, B])
    assert {one["model"] for one in found.values()} == {rig.expected()}


def test_a_node_that_attested_takes_part_when_another_is_replaced(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sum of the one that is gone has reached P1 and not P0."""
    rig = aggregating(make, *THREE)
    rig.share()
    rig.attest_masks()
    lose_sums(rig, H1, B)
    rig.nodes[H1].step()
    rig.down = {H1}
    assert sorted(rig.run()) == [A]
    monkeypatch.setattr("medquorum.clients.encrypted.aggregation.resharing.SILENT_NODE_TIMEOUT", -1.0)
    rig.share()
    found = rig.run()
    assert sorted(found) == sorted([A, B])
    assert {one["model"] for one in found.values()} == {rig.expected()}


def test_a_restarted_party_stores_the_agreed_model_without_the_other(make: Make) -> None:
    rig = aggregating(make)
    rig.share()
    rig.attest_masks()
    assert sorted(rig.run()) == sorted([A, B])
    rig.down = {A}
    rig.restart(B)

    def connection(name: str) -> PartyConnection:
        raise ProtocolError(f"nobody opens the line {name}")

    publisher = ModelPublisher(
        rig.transactions(B), rig.task, rig.verifications[0].base, None, rig.folder / B, rig.report
    )
    parts = PartyParts(rig.shares[0], rig.verifications[0], rig.resharers[0], publisher)
    agent = Party(rig.run_of(B), 0, connection, parts, share_timeout=0)
    agent.step()
    assert rig.close()["model"] == rig.expected()


def test_only_p0s_masked_sum_is_kept_at_another_node(make: Make) -> None:
    rig = aggregating(make, *THREE)
    headers: dict[str, Delivery] = {}

    def bend(sender: str, receiver: str, header: Delivery, messages: list[bytes]) -> list[bytes]:
        if header.kind == "reshare" and receiver == H1:
            headers[sender] = header
            raise ProtocolError(f"{H1} cannot be reached")
        return messages

    rig.bend = bend
    with pytest.raises(ProtocolError, match="cannot be reached"):
        rig.share()
    wrong = bytes(8 * rig.parameters)
    named = headers[A].model_copy(update={"messages": 2, "masked": masked_hash(wrong)})
    with pytest.raises(ShareError, match=f"{A}'s re-share has the masked parameters' sum, or lacks it"):
        rig.nodes[H1].take(A, named, [bytes(32), wrong])
    with pytest.raises(ShareError, match=f"{A}'s re-share has to name"):
        rig.nodes[H1].take(A, headers[A].model_copy(update={"messages": 1, "masked": None}), [bytes(32)])
    with pytest.raises(ShareError, match=f"{B}'s re-share has the masked parameters' sum, or lacks it"):
        rig.nodes[H1].take(B, headers[A].model_copy(update={"messages": 1}), [bytes(32)])
    rig.bend = lambda sender, receiver, header, messages: messages
    rig.share()
    rig.attest_masks()
    found = rig.run()
    assert sorted(found) == sorted(THREE)
    assert {one["model"] for one in found.values()} == {rig.expected()}


def away(*_: object) -> None:
    raise GatewayError("the peer cannot be reached", "Start it", code="UNAVAILABLE")


def test_a_dealer_whose_peer_is_away_gives_no_salt_for_now(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    rig = aggregating(make)
    rig.attest_masks()
    with monkeypatch.context() as patched:
        patched.setattr(Ledger, "consortium", away)
        with pytest.raises(ProtocolError, match="a GatewayError of its own"):
            rig.mask_attestor.salt(A, "demo", 1)
    assert len(rig.mask_attestor.salt(A, "demo", 1)) == 32


def test_a_node_whose_peer_is_away_checks_no_sender(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    rig = aggregating(make)
    node = rig.nodes[A]
    header = Delivery(kind="ready", task="demo", round=1, set="0" * 64, nodes=(A,), messages=0)
    monkeypatch.setattr(Ledger, "task", away)
    with pytest.raises(ShareError, match=r"not now: .* GatewayError of its own"):
        node.sizes(A, header)


def test_a_node_whose_peer_is_away_refuses_for_now(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Any other error than a ShareError would end its own party's process."""
    rig = aggregating(make)
    with monkeypatch.context() as patched:
        patched.setattr(Ledger, "round", away)
        with pytest.raises(ShareError, match=r"not now: .* GatewayError of its own"):
            rig.share()
    rig.share()
    rig.attest_masks()
    assert {one["model"] for one in rig.run().values()} == {rig.expected()}
