# SPDX-License-Identifier: Apache-2.0
"""P0 that has lost its root update: the round ends, and says why."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from medquorum.clients.encrypted.party.agent import Party, PartyParts
from medquorum.clients.encrypted.verification.masking import other_than_submitted
from medquorum.clients.ledger.round_status import RoundStatus
from medquorum.core.documents.root import ROOT
from medquorum.core.documents.round import Round
from medquorum.core.rules import MEMBERS
from medquorum.verifier.opening.transport import in_process
from medquorum_testing.ledger.aggregation_rig import PARTIES, Rig
from medquorum_testing.ledger.consortium_ledger import HOSPITALS, A


class LostRoots:
    """The roots of a P0 whose disk has another one than the ledger."""

    def submit(self, round_: Round) -> None:
        raise AssertionError

    def deliver(self, status: RoundStatus) -> None:
        raise other_than_submitted(ROOT, 1)


def meet(rig: Rig) -> RoundStatus:
    """Have both parties' agents do what is due."""
    lines = in_process()
    agents = [
        Party(
            rig.run_of(party),
            index,
            lambda name, index=index: lines[index],
            PartyParts(rig.shares[index], rig.verifications[index], rig.resharers[index], None),
            share_timeout=0,
            roots=LostRoots() if index == 0 else None,
        )
        for index, party in enumerate(PARTIES)
    ]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(Party.step, agents))
    return rig.status


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    rig = Rig(tmp_path, rule={"name": "direction", "members": MEMBERS})
    rig.demo.submit(A, "CloseSubmissions", "demo", 1, "")
    return rig


def test_a_root_that_is_lost_ends_the_round_as_disputed(rig: Rig) -> None:
    rig.shares[0]._place(1, ROOT).unlink()
    words = [word.result for party in meet(rig).attestations.values() for word in party.values()]
    assert len(words) == 2 * len(HOSPITALS)
    assert {(word.reason, tuple(word.claimants or ())) for word in words} == {("DISPUTED", tuple(sorted(PARTIES)))}
    ended = rig.demo.submit(A, "CloseVerdicts", "demo", 1, "")
    assert (ended["state"], ended["model"]) == ("closed", ended["base"])


def test_one_that_the_other_party_has_is_given_back(rig: Rig) -> None:
    value = rig.shares[0]._place(1, ROOT).read_bytes()
    rig.shares[0]._place(1, ROOT).unlink()
    rig.shares[1].keep(1, ROOT, value)
    assert all(word.result.accepted for party in meet(rig).attestations.values() for word in party.values())
