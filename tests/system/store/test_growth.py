# SPDX-License-Identifier: Apache-2.0
"""What is told of a round's growth beforehand is what the disk shows afterwards, within a factor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from medquorum.clients.ledger.growth import expected_growth
from medquorum_testing.federation.ledger_rounds import LedgerRounds

FACTOR = {"fabric": 2.0, "devnet": 4.0}
"""The devnet's one database holds every value once, for all its peers."""
ROUNDS = 4
SMALL, LARGE = 16, 2048
"""Models of 5 kB, small beside a round's transactions, and of 600 kB."""


def size(rounds: LedgerRounds, name: str) -> int:
    """Bytes of an organisation's peer on disk; the devnet has one ledger for all."""
    running = rounds.running
    folder = running.folder
    place = folder.devnet if running.kind == "devnet" else folder.data(running.consortium.organisation(name).node)
    return sum(path.stat().st_size for path in place.rglob("*") if path.is_file())


@pytest.mark.parametrize("store", ["public", "private"])
@pytest.mark.parametrize("hidden", [SMALL, LARGE])
def test_a_round_grows_the_disk_as_told(played: Any, tmp_path: Path, store: str, hidden: int) -> None:
    if hidden == SMALL and played.rounds.running.kind == "devnet":
        pytest.skip("the devnet's database writes whole pages and its log ahead: only models tell")
    name = f"growth-{store}-{hidden}"
    with LedgerRounds(played.rounds.running, tmp_path, name, hidden=hidden, model_store=store) as rounds:
        told = expected_growth(rounds.task)
        rounds.conclude(1)
        before = {one: size(rounds, one) for one in ("Hospital1", "VerifierA")}
        for number in range(2, ROUNDS + 2):
            rounds.conclude(number)
        grown = {one: (size(rounds, one) - before[one]) / ROUNDS for one in before}
    kind = rounds.running.kind
    if kind == "fabric":
        assert told.hospital / FACTOR[kind] <= grown["Hospital1"] <= told.hospital * FACTOR[kind]
    assert told.verifier / FACTOR[kind] <= grown["VerifierA"] <= told.verifier * FACTOR[kind]
