# SPDX-License-Identifier: Apache-2.0
"""Whole rounds of the rule ``direction`` on a tape: every role's own code, and all that one party sees of it.

Seeds and salts are fixed, so that a run follows from the secrets and the tape alone (``encrypted/coupling.py``).
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from medquorum.core.dataset import VerificationSet
from medquorum.core.documents.root import ROOT
from medquorum.core.fixedpoint import IntArray
from medquorum.core.rules import MEMBERS
from medquorum.verifier.randomness.identifier import MaterialId
from medquorum.verifier.service.update_masks import UpdateMask
from medquorum_testing.encrypted.coupling import (
    Tape,
    bound_dealer,
    coupled,
    hide_update,
    tape_party,
    tape_randomness,
    tape_stream,
)
from medquorum_testing.encrypted.two_parties import SEEDS
from medquorum_testing.ledger.aggregation_rig import PARTIES, Rig
from medquorum_testing.ledger.consortium_ledger import HOSPITALS

__all__ = ["CoupledRig", "Secrets", "couple_rounds", "play"]


@dataclass(frozen=True)
class Secrets:
    """What is hidden from a party: by round the hospitals' updates and the root update, and the images."""

    updates: list[dict[str, IntArray]]
    roots: list[IntArray]
    images: VerificationSet


class CoupledRig(Rig):
    """Rounds of these secrets."""

    def __init__(self, folder: Path, tape: Tape, secrets: Secrets) -> None:
        self._tape, self._secrets = tape, secrets
        rounds = len(secrets.roots)
        super().__init__(folder, rule={"name": "direction", "members": MEMBERS}, rounds=rounds, batch=20)
        assert self._images is not None
        self._images._set = secrets.images  # under the same commitment, which hides it

    def update(self, number: int) -> IntArray:
        return self._secrets.updates[self.number - 1][HOSPITALS[number]]

    def view(self, party: int) -> list[tuple[str, bytes]]:
        """Return all that came to a party, with its senders; sorted, as nodes deliver in any order."""
        return sorted(self.heard[PARTIES[party]])

    def _bound(self, author: str, name: str, update: IntArray, function: str) -> bytes:
        hidden = self._secrets.roots[self.number - 1] if name == ROOT else update
        hide_update(self._tape, MaterialId("demo", self.number, name), hidden)
        return super()._bound(author, name, hidden, function)


def play(
    folder: Path, tape: Tape, secrets: Secrets, last: bool = True
) -> tuple[CoupledRig, list[list[dict[str, Any]]]]:
    """Play all rounds, the last one's sum too or not; return the rig and what the parties attested in each."""
    rig, attested = CoupledRig(folder, tape, secrets), []
    for number in range(1, len(secrets.roots) + 1):
        if number > 1:
            rig.next_round()
        rig.judge()
        attested.append([one.plain() for party in rig.status.attestations.values() for one in party.values()])
        if number == len(secrets.roots) and not last:
            break
        rig.share()
        rig.attest_masks()
        assert {one["model"] for one in rig.run().values()} == {rig.expected()}
        rig.store()
        rig.close()
    return rig, attested


@contextmanager
def on_tape(
    monkeypatch: pytest.MonkeyPatch, tape: Tape, wanted: Tape | None = None, places: Any = None
) -> Iterator[None]:
    """Draw all randomness from the tape, or from fixed seeds."""
    each = threading.local()

    def dealt_seed() -> bytes:
        """Return P0's and P1's by turns: a thread draws both."""
        if not hasattr(each, "seeds"):
            each.seeds = itertools.cycle(SEEDS)
        seed: bytes = next(each.seeds)
        return seed

    fixed = property(lambda kept: UpdateMask("9" * 64, SEEDS))
    dealer, stream = bound_dealer(tape, wanted, places), tape_stream(tape, SEEDS)
    with monkeypatch.context() as patch:
        for where, what in {
            "medquorum.verifier.randomness.material.Stream": stream,
            "medquorum.verifier.randomness.stream.library": lambda: None,  # all is drawn as words
            "medquorum.verifier.binding.masks.Stream": stream,
            "medquorum.verifier.binding.masks.GateDealer": dealer,
            "medquorum.verifier.offline.dealer.GateDealer": dealer,
            "medquorum.verifier.randomness.supply.GateRandomness": tape_randomness(tape, False),
            "medquorum.verifier.session.session.Party": tape_party(tape),
            "medquorum.verifier.opening.result.secrets": SimpleNamespace(token_bytes=bytes),
            "medquorum.clients.encrypted.aggregation.resharing.new_seed": lambda: bytes(32),
            "medquorum.clients.encrypted.dealer.mask_seeds.new_seed": lambda: bytes(32),
            "medquorum.clients.encrypted.dealer.mask_seeds._Kept.mask": fixed,
            "medquorum_testing.encrypted.local_dealer.new_seed": dealt_seed,
            "medquorum_testing.ledger.aggregation_rig.os": SimpleNamespace(urandom=bytes),
        }.items():
            patch.setattr(where, what)
        yield


def couple_rounds(
    monkeypatch: pytest.MonkeyPatch,
    folder: Path,
    honest: int,
    first: Secrets,
    second: Secrets,
    *,
    last: bool = True,
    turned: bool = True,
) -> list[tuple[CoupledRig, Any]]:
    """Play with the first secrets, then with the second ones on the shifted tape; return both rigs, and the words.

    ``last`` is as for :func:`play`; without ``turned`` the places of labels are those of the first run.
    """
    played: list[tuple[CoupledRig, Any]] = []

    def places(name: MaterialId, words: IntArray) -> IntArray:
        """Return the turns of P0's labels that both runs announce alike."""
        part = slice(20 * name.batch, 20 * (name.batch + 1))
        labels = [each.images.labels[part].astype(np.int64) for each in (first, second)]
        return ((words.view(np.uint64) % np.uint64(4)).astype(np.int64) + labels[1] - labels[0]) % 4

    def run(tape: Tape, secrets: Secrets, wanted: Tape | None = None) -> Any:
        shifted = places if turned and honest == 0 and wanted is not None else None
        with on_tape(monkeypatch, tape, wanted, shifted):
            played.append(play(folder / str(len(played)), tape, secrets, last))
        return played[-1]

    coupled(honest, lambda tape: run(tape, first), lambda tape, one: run(tape, second, one), 100)
    return [played[0], played[-1]]
