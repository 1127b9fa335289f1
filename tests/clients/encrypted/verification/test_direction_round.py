# SPDX-License-Identifier: Apache-2.0
"""A whole round of the rule ``direction`` on hidden updates, every role's own code: honest, and with a party that lies.

Found is a shift of R in the sum, of a sum, of a weight, and of a level at its opening: the round ends with w_t.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from medquorum.clients.ledger.round_status import RoundStatus
from medquorum.core.documents.root import ROOT
from medquorum.core.fixedpoint import IntArray
from medquorum.core.rules import MEMBERS
from medquorum.verifier.session.direction import ChoiceSession, LevelsSession, RootSession
from medquorum_testing.encrypted.lying_session import BIT, COUNTS, lying
from medquorum_testing.ledger.aggregation_rig import Rig
from medquorum_testing.ledger.consortium_ledger import HOSPITALS, A, B

PLACE = "medquorum.clients.encrypted.verification.direction_round"
H1, H2, H3 = HOSPITALS


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path, rule={"name": "direction", "members": MEMBERS})


def test_a_round_ends_with_the_plain_model(rig: Rig) -> None:
    round_ = rig.judge()
    assert sorted(round_["weights"]) == sorted(HOSPITALS) and sum(round_["weights"].values()) > 0
    rig.share()
    rig.attest_masks()
    assert {one["model"] for one in rig.run().values()} == {rig.expected()}
    rig.store()
    assert rig.close()["model"] == rig.expected() != round_["base"]


@pytest.mark.parametrize("party", [0, 1])
def test_a_party_expands_the_roots_mask_once(rig: Rig, monkeypatch: pytest.MonkeyPatch, party: int) -> None:
    asked: list[str] = []
    summands = rig.verifications[party].summands
    mask = summands.mask

    def noted(status: RoundStatus, hospital: str) -> IntArray:
        asked.append(hospital)
        return mask(status, hospital)

    monkeypatch.setattr(summands, "mask", noted)
    rig.judge()
    assert asked.count(ROOT) == 1


def refused(rig: Rig) -> set[str]:
    """Check that the round keeps its base and that nothing is summed; return the attested reasons."""
    round_ = rig.judge()
    assert (round_["state"], round_["model"]) == ("closed", round_["base"])
    assert not any(resharer.due(rig.status) for resharer in rig.resharers)
    words = [word for party in rig.status.attestations.values() for word in party.values()]
    assert len(words) == 2 * len(HOSPITALS)
    return {str(word.result.reason) for word in words}


@pytest.mark.parametrize("liar", [0, 1])
@pytest.mark.parametrize(
    ("session", "place"),
    [
        (RootSession, COUNTS),
        (LevelsSession, BIT),
        (LevelsSession, COUNTS),
        (ChoiceSession, BIT),
        (ChoiceSession, COUNTS),
    ],
)
def test_a_party_that_shifts_a_level_or_a_choice_ends_the_round(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, liar: int, session: Any, place: int
) -> None:
    monkeypatch.setattr(f"{PLACE}.{session.__name__}", lying(liar, place, 1, session))
    assert refused(rig) == {"IMPOSSIBLE"}


def mismatch(rig: Rig) -> set[str]:
    """Check that the sum keeps the base; return why, as all nodes attest."""
    rig.share()
    rig.attest_masks()
    found = {one["mismatch"] for one in rig.run().values()}
    ended = rig.close()
    assert (ended["model"], ended["reason"]) == (ended["base"], "SUM_MISMATCH")
    return found


@pytest.mark.parametrize("liar", [0, 1])
@pytest.mark.parametrize(
    ("shift", "masked", "why"), [(1, 0, "MASKS"), (0, 1, "MASKED_SUMS"), (1, 1, "MASKED_SUMS"), (-256, 0, "MASKS")]
)
def test_a_party_that_shifts_the_weighed_sum_or_r_in_it_is_found(
    rig: Rig, liar: int, shift: int, masked: int, why: str
) -> None:
    rig.judge()
    rig.summands[liar].shift, rig.summands[liar].masked_shift = shift, masked
    assert mismatch(rig) == {why}


@pytest.mark.parametrize("liar", [0, 1])
@pytest.mark.parametrize(("of", "why"), [("shares", "MASKS"), ("masked", "MASKED_SUMS")])
def test_a_party_that_weighs_otherwise_alone_is_found(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, liar: int, of: str, why: str
) -> None:
    rig.judge()
    honest = getattr(rig.summands[liar], of)

    def otherwise(status: RoundStatus, weights: Mapping[str, int]) -> IntArray:
        total: IntArray = honest(status, {**weights, H1: weights[H1] - 1, H2: weights[H2] + 1})
        return total

    monkeypatch.setattr(rig.summands[liar], of, otherwise)
    assert mismatch(rig) == {why}


@pytest.mark.parametrize("liar", [0, 1])
def test_a_party_that_attests_other_weights_alone_gets_no_update_accepted(rig: Rig, liar: int) -> None:
    rig.demo.submit(A, "CloseSubmissions", "demo", 1, "")
    found = rig.judged()
    results = found[liar]["results"]
    results[H1]["weight"], results[H2]["weight"] = results[H1]["weight"] + 1, results[H2]["weight"] - 1
    for party, one in zip((B, A), found, strict=True):
        rig.demo.submit(party, "AttestRound", "demo", 1, one)
    ended = rig.demo.submit(A, "CloseVerdicts", "demo", 1, "")
    assert (ended["state"], ended["model"]) == ("closed", ended["base"])
