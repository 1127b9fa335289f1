# SPDX-License-Identifier: Apache-2.0
"""All that a party sees of whole rounds of ``direction`` is the same whatever is hidden from it, byte for byte."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from medquorum.core.dataset import VerificationSet
from medquorum.core.fixedpoint import IntArray
from medquorum.verifier.opening.result import BIT_BYTES, SALT_BYTES
from medquorum_testing.encrypted.coupling import Tape
from medquorum_testing.ledger.aggregation_rig import parameters_of
from medquorum_testing.ledger.consortium_ledger import HOSPITALS, SALT, Consortium, verification_set
from medquorum_testing.ledger.coupled_rounds import Secrets, couple_rounds, play
from medquorum_testing.ledger.killed_round import Opened

ROUNDS = 2
H1, H2, H3 = HOSPITALS


@pytest.fixture
def first(tmp_path: Path) -> Secrets:
    """Return updates that all count, and roots near them; each round goes on where the one before ended."""

    consortium = Consortium(tmp_path / "sets")

    def better(number: int, seed: int) -> IntArray:
        return parameters_of(consortium.good_update(10 * number + seed)) * (number + 1) // ROUNDS

    return Secrets(
        [{hospital: better(number, place) for place, hospital in enumerate(HOSPITALS)} for number in range(ROUNDS)],
        [better(number, 5) for number in range(ROUNDS)],
        verification_set(),
    )


def others(first: Secrets, words: Any, *, images: bool) -> Secrets:
    """Return other secrets of which the same is opened: the weighed sums are equal, and so are all levels."""
    random = np.random.default_rng(3)
    updates = []
    for number, found in enumerate(words):
        weights = {one["hospital"]: one["result"]["weight"] for one in found}
        apart = random.integers(-2, 3, first.roots[0].shape)
        before = first.updates[number]
        updates.append({H1: before[H1] + weights[H2] * apart, H2: before[H2] - weights[H1] * apart, H3: before[H3]})
    if not images:
        return replace(first, updates=updates)
    shown = first.images
    order = random.permutation(len(shown.images))
    moved = VerificationSet(shown.images[order] ^ 1, shown.labels[order], 4, SALT)
    return Secrets(updates, [root + random.integers(-9, 10, root.shape) for root in first.roots], moved)


@pytest.mark.slow
@pytest.mark.parametrize("honest", [0, 1])
def test_two_rounds_with_the_same_images_look_the_same(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, first: Secrets, honest: int
) -> None:
    _, words = play(tmp_path / "plain", Tape(honest), first)
    second = others(first, words, images=honest == 0)
    (one, before), (two, after) = couple_rounds(monkeypatch, tmp_path, honest, first, second)
    assert before == after, "also the transcripts"
    assert len(one.view(1 - honest)) > 900
    assert one.view(1 - honest) == two.view(1 - honest)


@pytest.mark.slow
def test_labels_that_are_not_turned_are_seen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, first: Secrets) -> None:
    order = np.arange(len(first.images.images))[::-1]
    moved = VerificationSet(first.images.images[order], first.images.labels[order], 4, SALT)
    one_round = replace(first, updates=first.updates[:1], roots=first.roots[:1])
    second = replace(one_round, images=moved)
    (one, _), (two, _) = couple_rounds(monkeypatch, tmp_path, 0, one_round, second, last=False, turned=False)
    assert one.view(1) != two.view(1)


def made_up(kind: str, first: Secrets, base: IntArray) -> IntArray:
    """Return a root that asks about one coordinate, one image's gradient, or one hospital's direction."""
    if kind == "coordinate":
        asked = np.zeros_like(base)
        asked[5] = 1 << 18
        return base + asked
    if kind == "gradient":  # of an identity's first layer by one image: its pixels, for one unit
        asked = np.zeros_like(base)
        asked[4:8] = first.images.images[3].reshape(-1).astype(np.int64) << 8
        return base + asked
    return first.updates[0][H2]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["coordinate", "gradient", "victim"])
def test_who_makes_up_a_root_sees_levels_of_it_only(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, first: Secrets, kind: str
) -> None:
    """Two sets of updates, one of them turned away, of which the same levels by this root are opened."""
    random = np.random.default_rng(5)
    base = parameters_of(Consortium(tmp_path / "base").model())
    root = made_up(kind, first, base)
    one_round = first.updates[0] | {H3: 2 * base - first.updates[0][H1]}
    asked = Secrets([one_round], [root], first.images)
    hidden = replace(
        asked, updates=[{name: update + random.integers(-9, 10, update.shape) for name, update in one_round.items()}]
    )
    (one, before), (two, after) = couple_rounds(monkeypatch, tmp_path, 1, asked, hidden, last=False)
    assert before == after and {word["result"]["reason"] for word in before[0]} != {"ROOT"}
    assert one.view(0) == two.view(0)


@pytest.mark.parametrize("kind", ["coordinate", "gradient", "victim"])
def test_of_each_update_two_levels_are_opened_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, first: Secrets, kind: str
) -> None:
    """Of one out of RANGE, the bit that it is; of one that the gate refuses, what is opened of any other."""
    opened = Opened()
    opened.record(monkeypatch)
    base = parameters_of(Consortium(tmp_path / "base").model())
    away, outside = 2 * base - first.updates[0][H1], first.updates[0][H1] + (1 << 30)
    asked = Secrets([{H1: first.updates[0][H1], H2: away, H3: outside}], [made_up(kind, first, base)], first.images)
    rig, (words,) = play(tmp_path / "round", Tape(0), asked, last=False)
    rig.judged()  # the parties meet again
    assert opened.twice() == []
    bit, levels, tags = BIT_BYTES, SALT_BYTES + 2 * 4, SALT_BYTES + 2 * 2 * 8
    for hospital, sizes in ((H1, [bit, levels, tags]), (H2, [bit, levels, tags]), (H3, [bit])):
        for party in (0, 1):
            found = [opened.revealed.get((hospital, party, place), set()) for place in (1, 2, 3)]
            assert [len(value) for values in found for value in values] == sizes
    reasons = {one["hospital"]: one["result"]["reason"] for one in words}
    assert reasons[H3] == "RANGE_OR_NORM"
