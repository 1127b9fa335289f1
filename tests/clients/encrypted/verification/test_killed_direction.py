# SPDX-License-Identifier: Apache-2.0
"""A round of ``direction`` cut off at its messages: the same verdicts, weights and model, and nothing opened twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from medquorum.core.rules import MEMBERS
from medquorum.verifier.randomness.identifier import MaterialId
from medquorum_testing.ledger.aggregation_rig import PARTIES, Rig
from medquorum_testing.ledger.consortium_ledger import A
from medquorum_testing.ledger.killed_round import KilledRig, Opened, Places


def ended(rig: Rig) -> tuple[Any, str]:
    """Play the round to its end; return what both parties found, and the model."""
    rig.demo.submit(A, "CloseSubmissions", "demo", 1, "")
    found = rig.judged()
    assert found[0] == found[1]
    for party, one in zip(PARTIES, found, strict=True):
        rig.demo.submit(party, "AttestRound", "demo", 1, one)
    rig.demo.submit(A, "CloseVerdicts", "demo", 1, "")
    rig.share()
    rig.attest_masks()
    models = {one["model"] for one in rig.run().values()}
    assert models == {rig.expected()}
    results = {name: {**one, "update": None} for name, one in found[0]["results"].items()}
    return results, models.pop()


def kills(folder: Path, monkeypatch: pytest.MonkeyPatch, places: Places, rounds: int) -> int:
    """Play rounds until one is cut off nowhere, or so many; return how many."""
    wanted = ended(Rig(folder / "whole", rule={"name": "direction", "members": MEMBERS}))
    for number in range(rounds):
        before, opened = sum(places.kills.values()), Opened()
        with monkeypatch.context() as patch:
            opened.record(patch)
            rig = KilledRig(folder / str(number), places, opened)
            assert ended(rig) == wanted
        assert opened.twice() == [] and len(opened.ended) == 1
        assert len(opened.hidden) > 100 and len(opened.revealed) > 20 and len(opened.summed) > 4
        if sum(places.kills.values()) == before:
            return number
    return rounds


def test_masks_that_two_updates_have_in_common_are_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("medquorum_testing.encrypted.local_dealer.new_seed", lambda: bytes(32))
    monkeypatch.setattr(MaterialId, "label", lambda name, party: f"{name.batch} {name.gate}".encode())
    opened = Opened()
    opened.record(monkeypatch)
    rig = KilledRig(tmp_path, Places(0), opened)
    rig.demo.submit(A, "CloseSubmissions", "demo", 1, "")
    rig.judged()
    assert opened.twice() != []


def test_a_round_cut_off_at_some_messages_ends_as_if_it_had_not_been(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = Places(0.01)
    kills(tmp_path, monkeypatch, places, 1)
    assert sum(places.kills.values()) > 3


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_so_does_one_cut_off_at_every_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    places = Places(1.0)
    assert kills(tmp_path, monkeypatch, places, 1000) < 1000
    assert {*places.kills} == {"send", "receive", "ask", "material", "ready", "reshare", "sum", "salt"}
    assert sum(places.kills.values()) > 1000
