# SPDX-License-Identifier: Apache-2.0
"""What the dealer deals for: the updates that the ledger froze, each under the nonce it gave, each mask once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from medquorum.clients.encrypted.dealer.approval import Approval
from medquorum.clients.encrypted.dealer.mask_seeds import MaskContext, MaskSeeds
from medquorum.clients.encrypted.verification.dealer_material import deal_request
from medquorum.clients.encrypted.verification.spec import make_spec, make_sum_spec, plan_document
from medquorum.clients.ledger.ledger import Ledger
from medquorum.errors import MaterialError, ProtocolError
from medquorum.gateway import GatewayError
from medquorum.verifier.binding.masks import update_mask
from medquorum.verifier.randomness.identifier import MaterialId
from medquorum.verifier.service.dealing.request import DealRequest
from medquorum_testing.ledger.consortium_ledger import DEALER, HOSPITALS, A
from medquorum_testing.ledger.encrypted_consortium import EncryptedConsortium, settings
from medquorum_testing.ledger.ledger_contract import LedgerContract

H1, H2, H3 = HOSPITALS
GENESIS = "a" * 64


class Dealing(NamedTuple):
    """A ledger, what its dealer reads of it, and what it approves."""

    demo: EncryptedConsortium
    ledger: Ledger
    approval: Approval
    seeds: MaskSeeds

    def request(self, hospital: str, updates: tuple[str, ...] = (), **changes: Any) -> DealRequest:
        task, status = self.ledger.task("demo"), self.ledger.status("demo", 1)
        spec = make_sum_spec(task, status, updates) if updates else make_spec(task, status, hospital)
        return deal_request(task, 0, spec, 1, 0, "tree").model_copy(update=changes)


Make = Callable[..., Dealing]


@pytest.fixture
def verifying(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Make a round whose candidates are all three hospitals, of which the first one has left the task since."""
    monkeypatch.setattr("medquorum.chaincode.transactions.task.LEAST_IN_A_SUM", 2)

    def make(
        channel: str = GENESIS, ledger: str = "ledger", dealer: str = "dealer", salt: bytes = b"", **task: Any
    ) -> Dealing:
        demo = EncryptedConsortium(tmp_path / ledger)
        demo.begin(minimum_accepted=2, **task)
        demo.submit(A, "OpenRound", "demo", 1)
        reader = Ledger(LedgerContract(demo, DEALER), DEALER, A)
        seeds = MaskSeeds(tmp_path / dealer)
        approval = Approval(reader, reader.task("demo"), channel, seeds)
        for hospital in HOSPITALS:
            nonce = approval.mask(hospital, "demo", 1, demo.base()).nonce
            demo.hand_in(hospital, hospital.encode(), salt=salt, nonce=nonce)
        demo.submit(A, "CloseSubmissions", "demo", 1, "")
        demo.submit(A, "UpdateHospitals", "demo", [H2, H3])
        return Dealing(demo, reader, approval, seeds)

    return make


def test_a_candidate_that_left_still_gets_material(verifying: Make) -> None:
    dealing = verifying()
    task = dealing.ledger.task("demo")
    for hospital in HOSPITALS:
        dealing.approval.check(dealing.request(hospital))
    for other in (
        dealing.request(H1).model_copy(update={"hospital": "Hospital9MSP"}),
        dealing.request(H1, plan=plan_document(task, H1, first_batch=3), task="other"),
        dealing.request(H2, plan=plan_document(task, H2, updates=2)),
        dealing.request(H2).model_copy(update={"updates": ((H2, "0" * 64),)}),
        dealing.request(H2).model_copy(update={"updates": ((H3, "0" * 64),)}),
        dealing.request(H2).model_copy(
            update={"updates": (*dealing.request(H2).updates, *dealing.request(H3).updates)}
        ),
    ):
        with pytest.raises(MaterialError, match="is not the plan of the task demo"):
            dealing.approval.check(other)


def test_nothing_is_dealt_in_another_round(verifying: Make) -> None:
    dealing = verifying()
    wanted = dealing.request(H1)
    dealing.demo.submit(A, "AbortRound", "demo", 1, "next")
    with pytest.raises(MaterialError):
        dealing.approval.check(wanted)
    dealing.demo.submit(A, "OpenRound", "demo", 2)
    with pytest.raises(ProtocolError, match="round 2 is open here"):
        dealing.approval.check(wanted.model_copy(update={"round": 2}))


def test_sums_are_of_candidates_as_they_were_frozen(verifying: Make) -> None:
    dealing = verifying(rule={"name": "prefix", "slack": 0}, encrypted=settings())
    for updates in ((H1,), (H3, H1, H2)):
        dealing.approval.check(dealing.request("", updates))
    wanted = dealing.request("", (H1, H2))
    first, second = wanted.updates
    for other in (
        wanted.model_copy(update={"updates": (second, first)}),
        wanted.model_copy(update={"updates": (first, (H2, "0" * 64))}),
        wanted.model_copy(update={"updates": (first,)}),
    ):
        with pytest.raises(MaterialError):
            dealing.approval.check(other)


def test_masks_are_for_who_takes_part_in_the_open_round(verifying: Make) -> None:
    dealing = verifying()
    base = dealing.demo.base()
    with pytest.raises(ProtocolError, match="round 1 is not open"):
        dealing.approval.mask(H2, "demo", 1, base)
    dealing.demo.submit(A, "AbortRound", "demo", 1, "next")
    dealing.demo.submit(A, "OpenRound", "demo", 2)
    mask, other = dealing.approval.mask(H2, "demo", 2, base), dealing.approval.mask(H3, "demo", 2, base)
    assert mask == dealing.approval.mask(H2, "demo", 2, base)
    assert mask.seeds is not None and other.seeds is not None
    assert len({mask.nonce, other.nonce, *mask.seeds, *other.seeds}) == 6
    for hospital, task, number, model in (
        (H1, "demo", 2, base),
        (A, "demo", 2, base),
        (H2, "other", 2, base),
        (H2, "demo", 3, base),
        (H2, "demo", 2, "0" * 64),
    ):
        with pytest.raises(ProtocolError):
            dealing.approval.mask(hospital, task, number, model)


def test_another_ledgers_update_gets_no_mask_of_this_one(verifying: Make) -> None:
    """A network made anew, with a task of the same name and a dealer that kept its folder (fault 3)."""
    first = verifying(channel=GENESIS)
    first.approval.check(first.request(H2))
    kept = first.seeds.of(MaterialId("demo", 1, H2))
    with pytest.raises(MaterialError, match="for another channel, task or base model"):
        verifying(channel="b" * 64, ledger="other", salt=b"other")
    second = verifying(channel="b" * 64, ledger="third", dealer="another folder", salt=b"other")
    second.approval.check(second.request(H2))
    assert not {*kept} & {*second.seeds.of(MaterialId("demo", 1, H2))}
    stolen = Approval(second.ledger, second.ledger.task("demo"), "b" * 64, first.seeds)
    with pytest.raises(MaterialError, match="for another channel, task or base model"):
        stolen.check(second.request(H2))
    assert first.seeds.of(MaterialId("demo", 1, H2)) == kept


def test_a_mask_is_dealt_for_one_commitment(tmp_path: Path) -> None:
    seeds, context = MaskSeeds(tmp_path), MaskContext(GENESIS, "t" * 64, 1, "b" * 64, H1)
    nonce = seeds.give(context).nonce
    name = MaterialId("demo", 1, H1)
    with pytest.raises(MaterialError, match="is gone"):
        seeds.of(name)
    with pytest.raises(MaterialError, match="names another nonce"):
        seeds.bind(context, "c" * 64, "0" * 64)
    seeds.bind(context, "c" * 64, nonce)
    for again in (seeds, MaskSeeds(tmp_path)):
        again.bind(context, "c" * 64, nonce)
        with pytest.raises(MaterialError, match="was dealt for another update"):
            again.bind(context, "d" * 64, nonce)
        assert again.of(name) == seeds.of(name)
    with pytest.raises(MaterialError, match="the nonce of Hospital2MSP in round 1 is gone"):
        seeds.bind(replace(context, hospital=H2), "c" * 64, nonce)


def test_one_party_does_not_fill_the_dealers_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("medquorum.clients.encrypted.dealer.mask_seeds.MOST_MASKS", 3)
    seeds, context = MaskSeeds(tmp_path), MaskContext(GENESIS, "t" * 64, 1, "b" * 64, H1)
    nonce = seeds.give(context).nonce
    for number in (1, 2):
        seeds.bind(replace(context, hospital=f"sum {number}"), "c" * 64, None)
    with pytest.raises(MaterialError, match="round 1 has 3 masks already"):
        seeds.bind(replace(context, hospital="sum 3"), "c" * 64, None)
    assert len(list(tmp_path.rglob("*.mask"))) == 3
    seeds.bind(context, "c" * 64, nonce)
    seeds.bind(replace(context, hospital="sum 2"), "c" * 64, None)
    seeds.give(replace(context, round=2))


@pytest.mark.parametrize("field", ["channel", "task", "round", "base", "hospital"])
def test_all_that_a_mask_is_for_changes_it(tmp_path: Path, field: str) -> None:
    context = MaskContext(GENESIS, "t" * 64, 1, "b" * 64, H1)
    other = replace(context, **{field: 2 if field == "round" else "0" * 64})
    secret, masks = [bytes(32)], []
    for number, one in enumerate((context, other)):
        seeds = MaskSeeds(tmp_path / str(number))
        with pytest.MonkeyPatch.context() as same:
            same.setattr("medquorum.clients.encrypted.dealer.mask_seeds.new_seed", lambda: secret[0])
            seeds.bind(one, "c" * 64, seeds.give(one).nonce)
        masks.append(update_mask(seeds.of(MaterialId("demo", one.round, one.hospital)), MaterialId("demo", 1, H1), 4))
    assert (masks[0] != masks[1]).all()


def test_a_dealer_whose_peer_is_away_refuses_for_now(verifying: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks is told the error's type only."""
    dealing = verifying()
    wanted = dealing.request(H1)

    def away(*_: object) -> None:
        raise GatewayError("the peer cannot be reached", "Start it", code="UNAVAILABLE")

    monkeypatch.setattr(Ledger, "status", away)
    with pytest.raises(ProtocolError, match="has a GatewayError of its own") as refused:
        dealing.approval.check(wanted)
    assert "cannot be reached" not in str(refused.value)
