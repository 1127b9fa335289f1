# SPDX-License-Identifier: Apache-2.0
"""Shares in, one sum out: 2, 3 and 5 nodes, everybody's faults, and sums of something else than was evaluated."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from medquorum.clients.encrypted.aggregation.record import context_of, note_opening
from medquorum.clients.encrypted.aggregation.result import masked_hash, mismatch_of
from medquorum.clients.ledger.round_status import RoundStatus
from medquorum.core.documents.aggregation.masks import Masks
from medquorum.errors import MaterialError, ProtocolError, ShareError
from medquorum.verifier.binding.masks import masks_hash
from medquorum.verifier.binding.resharing import reshare_bytes
from medquorum.verifier.service.deliveries import Delivery
from medquorum_testing.ledger.aggregation_rig import PARTIES, Make, Rig, aggregating
from medquorum_testing.ledger.consortium_ledger import DEALER, HOSPITALS, A, B

H1, H2, H3 = HOSPITALS
THREE = (A, B, H1)


def shifted(raw: bytes) -> bytes:
    """Add one to the first element of a vector."""
    values = np.frombuffer(raw, dtype="<i8").copy()
    values[0] += 1
    return values.tobytes()


@pytest.mark.parametrize("nodes", [(A, B), THREE, (A, B, *HOSPITALS)], ids=["2", "3", "5"])
def test_every_node_makes_the_plain_model(make: Make, nodes: tuple[str, ...]) -> None:
    rig = aggregating(make, *nodes)
    rig.share()
    assert rig.run() == {}, "nothing is opened before the dealer has attested the masks"
    rig.attest_masks()
    found = rig.run()
    assert sorted(found) == sorted(nodes)
    assert {one["model"] for one in found.values()} == {rig.expected()}
    assert [msp for msp, one in found.items() if "accuracy" in one] == [PARTIES[0]]
    rig.store()
    ended = rig.close()
    assert (ended["model"], ended["reason"], "differing" in ended) == (rig.expected(), None, False)


def test_only_the_accepted_updates_are_summed(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of three hospitals here, so that the contract has to allow a sum of two."""
    monkeypatch.setattr("medquorum.chaincode.transactions.task.LEAST_IN_A_SUM", 2)
    rig = make(minimum_accepted=2)
    rig.verify([H1, H3])
    rig.share()
    rig.attest_masks()
    assert {one["model"] for one in rig.run().values()} == {rig.expected([H1, H3])}


@pytest.mark.parametrize("node", PARTIES)
def test_a_node_that_opened_a_sum_too_like_this_one_publishes_nothing(make: Make, node: str) -> None:
    """The contract refuses such a set; where the ledger shows it all the same, the difference would be an update."""
    rig = aggregating(make)
    assert rig.status.round is not None
    larger = rig.status.round.model_copy(update={"round": 7, "accepted": [*HOSPITALS, "Hospital4MSP"]})
    note_opening(rig.folder / node / "opened", larger, 3)
    rig.share()
    rig.attest_masks()
    assert rig.run() == {}
    assert not list((rig.folder / node).rglob(f"{node}.sum"))


def test_too_few_accepted_keep_the_base_and_open_nothing(make: Make) -> None:
    rig = make()
    rig.verify([H1, H3])
    assert rig.status.round is not None
    assert (rig.status.round.state, rig.status.round.reason) == ("closed", "TOO_FEW: left out")
    assert rig.status.round.model == rig.status.round.base
    rig.attest_masks()
    assert rig.status.masks is None
    assert [resharer.due(rig.status) for resharer in rig.resharers] == [False, False]


@pytest.mark.parametrize("party", [0, 1])
def test_a_party_that_shifts_its_sum_is_caught(make: Make, party: int) -> None:
    rig = aggregating(make, *THREE)
    rig.summands[party].shift = 1
    check_mismatch(rig, "MASKS")


@pytest.mark.parametrize("party", [0, 1])
def test_a_party_that_shifts_the_masked_update_alone_is_caught(make: Make, party: int) -> None:
    """In the verification and in both its sums: the other party has the hospital's own."""
    rig = make(*THREE)
    rig.shares[party].shift = 1
    rig.verify()
    check_mismatch(rig, "MASKED_SUMS")


@pytest.mark.parametrize("party", [0, 1])
def test_a_party_that_shifts_both_sums_alike_is_caught(make: Make, party: int) -> None:
    """Once the parties opened the masked update from shares, this was a model of one party's choice."""
    rig = aggregating(make, *THREE)
    rig.summands[party].shift = rig.summands[party].masked_shift = 1
    check_mismatch(rig, "MASKED_SUMS")


@pytest.mark.parametrize("party", [0, 1])
def test_what_a_party_evaluates_does_not_change_the_sum(make: Make, party: int) -> None:
    """It spoils the verdict, as any shifted opening may; what is summed stays what the hospital handed over."""
    rig = make(*THREE)
    rig.shares[party].shift = 1
    rig.verify()
    rig.shares[party].shift = 0
    rig.share()
    rig.attest_masks()
    assert {one["model"] for one in rig.run().values()} == {rig.expected()}


@pytest.mark.parametrize("party", [0, 1])
def test_a_party_that_names_other_masked_parameters_is_caught(make: Make, party: int) -> None:
    rig = aggregating(make, *THREE)
    rig.summands[party].masked_shift = 1
    check_mismatch(rig, "MASKED_SUMS")


@pytest.mark.parametrize("party", [0, 1])
def test_a_masked_update_that_was_changed_on_the_disk_is_not_summed(make: Make, party: int) -> None:
    rig = aggregating(make, *THREE)
    place = rig.folder / PARTIES[party] / "shares" / "000001" / f"{H1}.share"
    place.write_bytes(shifted(place.read_bytes()))
    with pytest.raises(ProtocolError, match=f"the masked update of {H1} in round 1 is not the one it committed to"):
        rig.share()


def test_a_node_that_shifts_its_sum_is_caught(make: Make) -> None:
    rig = aggregating(make, *THREE)

    def bend(sender: str, receiver: str, header: Delivery, messages: list[bytes]) -> list[bytes]:
        return [shifted(messages[0])] if header.kind == "sum" and sender == H1 else messages

    rig.bend = bend
    rig.share()
    rig.attest_masks()
    found = rig.run()
    assert {msp: one.get("mismatch") for msp, one in found.items()} == {A: "MASKS", B: "MASKS", H1: None}
    ended = rig.close()
    assert (ended["model"], ended["reason"], ended["differing"]) == (ended["base"], "SUM_MISMATCH", [H1])


def test_an_expelled_node_gets_nothing_although_it_answers(make: Make) -> None:
    rig = aggregating(make, *THREE)
    rig.demo.expel(H1)
    before = len(rig.heard[H1])
    rig.share()
    rig.attest_masks()
    assert sorted(rig.run()) == [A, B]
    assert len(rig.heard[H1]) == before
    with pytest.raises(ProtocolError, match="is no aggregation node"):
        rig.mask_attestor.salt(H1, "demo", 1)
    rig.store()
    assert rig.close()["model"] == rig.expected()


def test_the_majority_follows_when_expelled_nodes_are_dropped(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two of five would be too few; the processes have run since there were five."""
    monkeypatch.setattr("medquorum.chaincode.transactions.task.LEAST_IN_A_SUM", 1)
    rig = make(A, B, *HOSPITALS, minimum_accepted=1)
    rig.verify()
    rig.demo.expel(H2, H3)
    rig.down.add(H1)
    with pytest.raises(ProtocolError, match="too few aggregation nodes"):
        rig.share()
    rig.demo.submit(A, "UpdateHospitals", "demo", [H1])
    rig.share()
    rig.attest_masks()
    assert sorted(rig.run()) == [A, B]
    rig.store()
    assert rig.close()["model"] == rig.expected()


WEIGHTS = {H1: 3, H2: 2, H3: 2}


def weighed(rig: Rig) -> RoundStatus:
    """Return the round as if its rule had weighed the updates."""
    status = rig.status
    assert status.round is not None
    return replace(status, round=status.round.model_copy(update={"weights": WEIGHTS}))


def test_sums_take_an_update_as_often_as_its_weight_says(make: Make) -> None:
    """Of shares, of masked updates and of masks alike: the binding holds for these weights, and for no others."""
    rig = aggregating(make)
    status = weighed(rig)
    assert status.round is not None
    weights = status.round.summands
    first, second = (one.shares(status, weights) for one in rig.summands)
    total = sum((rig.updates[hospital] * weight for hospital, weight in WEIGHTS.items()), np.zeros_like(first))
    assert (first + second == total).all()
    masked = [one.masked(status, weights) for one in rig.summands]
    assert (masked[0] == masked[1]).all()
    masks = rig.seeds.total(rig.task, 1, weights)
    assert (masked[0] - total == masks).all()
    attested = Masks(
        task="demo",
        round=1,
        dealer=DEALER,
        weights=weights,
        hash=masks_hash("demo", 1, weights, bytes(32), masks),
    )
    raw = masked[0].tobytes()
    stated = [masked_hash(raw)] * 2
    assert mismatch_of(attested, stated, raw, bytes(32), total) is None
    assert mismatch_of(attested, stated, raw, bytes(32), total + 1) == "MASKS"
    other = attested.model_copy(update={"weights": weights | {H1: 2}})
    assert mismatch_of(other, stated, raw, bytes(32), total) == "MASKS"


def test_other_weights_are_another_set(make: Make) -> None:
    rig = aggregating(make)
    current, other = rig.status.round, weighed(rig).round
    assert current is not None and other is not None
    assert context_of(current, [A, B]).set != context_of(other, [A, B]).set
    alike = current.model_copy(update={"weights": dict.fromkeys(HOSPITALS, 1)})
    assert context_of(current, [A, B]).set == context_of(alike, [A, B]).set


def check_mismatch(rig: Rig, why: str) -> None:
    """Check that all nodes attest a mismatch and the round keeps its base."""
    rig.share()
    rig.attest_masks()
    found = rig.run()
    assert {one["mismatch"] for one in found.values()} == {why}
    ended = rig.close()
    assert (ended["model"], ended["reason"], "differing" in ended) == (ended["base"], "SUM_MISMATCH", False)


def test_another_set_is_refused_and_never_summed(make: Make) -> None:
    rig = aggregating(make, *THREE)
    rig.share()
    heard: list[Delivery] = []

    def bend(sender: str, receiver: str, header: Delivery, messages: list[bytes]) -> list[bytes]:
        heard.append(header)
        return messages

    rig.bend = bend
    rig.restart(A)
    rig.restart(B)
    rig.share()
    header = next(one for one in heard if one.kind == "reshare")
    wrong = header.model_copy(update={"set": "0" * 64, "messages": 1})
    with pytest.raises(ShareError, match="not for the accepted set of round 1"):
        rig.nodes[H1].take(A, wrong, [bytes(32)])
    with pytest.raises(ShareError, match=r"another VerifierAMSP\.reshare was taken before"):
        rig.nodes[H1].take(A, header.model_copy(update={"messages": 1}), [bytes(32)])
    for sender in (H1, H2, DEALER):
        with pytest.raises(ShareError, match=f"{sender} sends no reshare here"):
            rig.nodes[H1].take(sender, header, [bytes(32)])
    record = rig.folder / H1 / "sums" / "000001.json"
    record.write_bytes(record.read_bytes().replace(H2.encode(), b"Hospital9MSP"))
    rig.restart(H1)
    with pytest.raises(MaterialError, match="3 other updates of round 1"):
        rig.nodes[H1].take(A, header.model_copy(update={"messages": 1}), [bytes(32)])


def test_only_what_can_belong_to_the_task_is_read_and_kept(make: Make) -> None:
    """A node says what it would read before it reads: nothing of strangers, no more than the task's sizes."""
    rig = aggregating(make, *THREE)
    node, whole = rig.nodes[H1], 8 * rig.parameters
    header = Delivery(kind="reshare", task="demo", round=1, set="0" * 64, nodes=THREE[2:] + THREE[:2])
    announced = (("ready", 0, ()), ("reshare", 1, (32,)), ("reshare", 2, (32, whole)), ("sum", 1, (whole,)))
    for kind, count, expected in announced:
        assert node.sizes(A, header.model_copy(update={"kind": kind, "messages": count})) == expected
    last = rig.nodes[B].sizes(A, header.model_copy(update={"messages": 1}))
    assert last == (whole,), "the last of the chosen nodes gets the vector"
    for kind, count in (("ready", 1), ("reshare", 0), ("sum", 0), ("sum", 2)):
        with pytest.raises(ShareError, match=f"a {kind} has not {count} messages"):
            node.sizes(A, header.model_copy(update={"kind": kind, "messages": count}))
    for sender in (H2, DEALER):
        for kind in ("ready", "reshare", "sum"):
            with pytest.raises(ShareError, match=f"{sender} sends no {kind} here"):
                node.sizes(sender, header.model_copy(update={"kind": kind, "messages": 1}))
    with pytest.raises(ShareError, match="a reshare has another size"):
        node.take(A, header, [bytes(31)])


def test_a_party_refuses_another_set_for_ever(make: Make) -> None:
    rig = aggregating(make)
    record = rig.folder / A / "sums" / "000001.json"
    rig.share()
    record.write_bytes(record.read_bytes().replace(H2.encode(), b"Hospital9MSP"))
    rig.restart(A)
    with pytest.raises((MaterialError, ProtocolError)):
        rig.share()


def majorities(nodes: tuple[str, ...], own: str) -> list[tuple[str, ...]]:
    """Return every choice of a majority of the nodes with one of them in it."""
    sizes = range(len(nodes) // 2 + 1, len(nodes) + 1)
    return [tuple(sorted(one)) for size in sizes for one in combinations(nodes, size) if own in one]


def kept(rig: Rig, msp: str) -> list[str]:
    return [place.name for place in (rig.folder / msp / "000001").glob("aggregation/*/*")]


def test_a_node_alone_makes_the_others_store_nothing(make: Make) -> None:
    """A sum is for a choice of nodes, of which there are many: each took a model's size of every other node's disk."""
    rig = aggregating(make, A, B, *HOSPITALS)
    rig.down = {H3}
    rig.share()
    before = kept(rig, A)
    value = bytes(8 * rig.parameters)
    for chosen in majorities((A, B, *HOSPITALS), A):
        if H1 in chosen and H3 in chosen:  # the parties have not chosen H3
            found = Delivery(kind="sum", task="demo", round=1, set=accepted_set(rig), nodes=chosen, messages=1)
            with pytest.raises(ShareError, match="re-shares for these nodes have not come yet"):
                rig.nodes[A].take(H1, found, [value])
    assert kept(rig, A) == before
    rig.attest_masks()
    assert {one["model"] for one in rig.run().values()} == {rig.expected()}


def test_a_party_makes_few_choices_a_round(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("medquorum.clients.encrypted.aggregation.inbox.CHOICES", 3)
    rig = aggregating(make, A, B, *HOSPITALS)
    node, refused = rig.nodes[H1], 0
    for chosen in majorities((A, B, *HOSPITALS), H1):
        payload = bytes(reshare_bytes(chosen, H1, rig.parameters))
        header = Delivery(
            kind="reshare", task="demo", round=1, set=accepted_set(rig), nodes=chosen, masked="0" * 64, messages=1
        )
        try:
            node.take(PARTIES[1], header, [payload])
        except ShareError as error:
            assert "3 choices of nodes were made in round 1" in str(error)
            refused += 1
    assert refused == len(majorities((A, B, *HOSPITALS), H1)) - 3
    assert kept(rig, H1).count("nodes.json") == 3


def accepted_set(rig: Rig) -> str:
    assert rig.status.round is not None
    return context_of(rig.status.round, [A, B]).set
