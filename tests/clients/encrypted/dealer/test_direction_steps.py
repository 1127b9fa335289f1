# SPDX-License-Identifier: Apache-2.0
"""Steps of the rule ``direction`` that the dealer deals for: the root's, its candidates', and no sum of too few."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from medquorum.clients.encrypted.dealer.approval import Approval
from medquorum.clients.encrypted.dealer.mask_seeds import MaskSeeds
from medquorum.clients.encrypted.verification.dealer_material import deal_request
from medquorum.clients.encrypted.verification.spec import make_step_spec
from medquorum.clients.ledger.ledger import Ledger
from medquorum.core.rules import MEMBERS, parse_rule
from medquorum.errors import MaterialError, MedquorumError, ProtocolError
from medquorum.verifier.offline.direction_steps import ChoiceStep, LevelsStep, LossStep, RootStep
from medquorum.verifier.randomness.stream import new_seed
from medquorum.verifier.service.dealing.request import DealRequest
from medquorum_testing.ledger.consortium_ledger import DEALER, HOSPITALS, A, B
from medquorum_testing.ledger.encrypted_consortium import EncryptedConsortium, hidden
from medquorum_testing.ledger.ledger_contract import LedgerContract

H1, H2, H3 = HOSPITALS
RULE = {"name": "direction", "members": MEMBERS}
EVEN = ((H1, 44), (H2, 42), (H3, 42))


class Dealing:
    """A round that is being verified, and what its dealer approves."""

    def __init__(self, folder: Path) -> None:
        self.demo = EncryptedConsortium(folder / "ledger")
        self.demo.begin(rule=RULE, model_tolerance=1000)
        self.demo.submit(A, "OpenRound", "demo", 1)
        self.ledger = Ledger(LedgerContract(self.demo, DEALER), DEALER, A)
        self.seeds = MaskSeeds(folder / "dealer")
        self.approval = Approval(self.ledger, self.ledger.task("demo"), "a" * 64, self.seeds)
        base = self.demo.base()
        with pytest.raises(ProtocolError, match="makes no root update"):
            self.approval.mask(A, "demo", 1, base, root=True)
        nonce = self.approval.mask(B, "demo", 1, base, root=True).nonce
        document = {"base": base, "layout": self.demo.layout, "nonce": nonce} | hidden(b"root")
        self.demo.submit(B, "SubmitRoot", "demo", 1, document)
        for hospital in HOSPITALS:
            nonce = self.approval.mask(hospital, "demo", 1, base).nonce
            self.demo.hand_in(hospital, hospital.encode(), nonce=nonce)
        self.demo.submit(A, "CloseSubmissions", "demo", 1, "")

    def request(self, step: Any, of: str = "", **changes: Any) -> DealRequest:
        task, status = self.ledger.task("demo"), self.ledger.status("demo", 1)
        spec = make_step_spec(task, status, step, of)
        return deal_request(task, 0, spec, 1, 0, "tree").model_copy(update=changes)

    def loss(self, *weights: tuple[str, int]) -> DealRequest:
        return self.request(LossStep(rule=parse_rule(RULE), weights=weights))

    def deal(self, request: DealRequest) -> int:
        """Return how many gates are dealt."""
        seeds = new_seed(), new_seed()
        return sum(1 for _ in request.plan.deal(seeds, request.name, self.seeds.of(request.name), self.seeds.of))


@pytest.fixture
def dealing(tmp_path: Path) -> Iterator[Dealing]:
    made = Dealing(tmp_path)
    yield made
    made.demo.close()


def test_every_step_of_a_round_is_dealt(dealing: Dealing) -> None:
    levels = [dealing.request(LevelsStep(root=20), hospital) for hospital in HOSPITALS]
    choices = [dealing.request(ChoiceStep(do=do, models=("model a",), share=0)) for do in ("gain", "last")]
    for request in (dealing.request(RootStep()), *levels, dealing.loss(*EVEN), *choices):
        dealing.approval.check(request)
        assert dealing.deal(request) > 0


def test_what_is_no_step_of_the_round_is_refused(dealing: Dealing) -> None:
    honest = dealing.loss(*EVEN)
    for other in (
        dealing.request(LevelsStep(root=20), H1, hospital=H2),
        dealing.request(LevelsStep(root=20), H1, updates=()),
        dealing.request(RootStep(), updates=honest.updates),
        dealing.request(RootStep(), hospital=H1),
        honest.model_copy(update={"hospital": dealing.loss((H1, 43), (H2, 43), (H3, 42)).hospital}),
        honest.model_copy(update={"updates": honest.updates[:2]}),
        honest.model_copy(update={"updates": tuple((name, "0" * 64) for name, _ in honest.updates)}),
        dealing.request(LossStep(rule=parse_rule(RULE | {"cap": 9000}), weights=EVEN)),
        dealing.request(RootStep(), task="other"),
    ):
        with pytest.raises(MaterialError, match="not the plan"):
            dealing.approval.check(other)


@pytest.mark.parametrize("weights", [(254, 1, 1), (129, 64, 63)])
def test_a_model_that_is_nearly_one_update_is_not_dealt_for(dealing: Dealing, weights: tuple[int, ...]) -> None:
    for hospital in HOSPITALS:
        dealing.approval.check(dealing.request(LevelsStep(root=20), hospital))
    request = dealing.loss(*zip(HOSPITALS, weights, strict=True))
    dealing.approval.check(request)
    with pytest.raises(ProtocolError, match="give one of them away"):
        dealing.deal(request)


def test_no_model_is_dealt_for_before_its_updates_levels(dealing: Dealing) -> None:
    request = dealing.loss(*EVEN)
    dealing.approval.check(request)
    with pytest.raises(MedquorumError, match="is gone"):
        dealing.deal(request)
