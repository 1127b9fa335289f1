# SPDX-License-Identifier: Apache-2.0
"""No role but the hospital itself ever holds an update: all that it gets, computes, stores, sends and sees is searched.

Every vector of the update's length is compared, alone and in every sum and difference of two, with r, r - w and p of
each hospital; a linear functional modulo 2^64 makes that one comparison of numbers.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from medquorum.clients.encrypted.aggregation.inbox import Inbox
from medquorum.clients.encrypted.aggregation.record import context_of
from medquorum.clients.ledger.models import fetch_model
from medquorum.core.fixedpoint import IntArray
from medquorum.verifier.binding.masks import update_mask
from medquorum.verifier.binding.resharing import open_reshare
from medquorum.verifier.randomness.identifier import MaterialId
from medquorum.verifier.randomness.stream import Stream
from medquorum_testing.ledger.aggregation_rig import PARTIES, Rig
from medquorum_testing.ledger.consortium_ledger import DEALER, HOSPITALS, A, B

H1, H2, H3 = HOSPITALS
NODES = (A, B, H1)


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    """A whole round that ended with a new model; the first hospital is a node too."""
    rig = Rig(tmp_path, NODES)
    rig.verify()
    rig.share()
    rig.attest_masks()
    rig.run()
    rig.store()
    assert rig.close()["reason"] is None
    return rig


def vectors(raw: bytes, parameters: int) -> list[IntArray]:
    """Read a message or file of raw bytes as vectors of the update's length, after any salt or length before them."""
    found: list[IntArray] = []
    for kind in ("<i8", "<i4"):
        size = np.dtype(kind).itemsize * parameters
        found += [
            np.frombuffer(raw[start : start + size], dtype=kind).astype(np.int64)
            for start in {0, 8, 32, 40, len(raw) - size}
            if start >= 0 and start + size <= len(raw)
        ]
    return found


def recorded(rig: Rig, role: str) -> list[IntArray]:
    """Return every vector that a role got or sent, keeps in files, or reads on the ledger."""
    raw = [value for _, value in rig.heard[role]]
    raw += [value for heard in rig.heard.values() for sender, value in heard if sender == role]
    raw += [path.read_bytes() for path in (rig.folder / role).rglob("*") if path.is_file()]
    raw += [value for value in rig.demo.ledger.state.values() if isinstance(value, bytes)]
    return [vector for one in raw for vector in vectors(one, rig.parameters)]


def computed(rig: Rig, role: str) -> list[IntArray]:
    """Return the vectors that a role's seeds stand for."""
    names = [MaterialId("demo", 1, hospital) for hospital in HOSPITALS]
    if role == DEALER:
        return [update_mask(rig.seeds.of(name), name, rig.parameters) for name in names]
    current = rig.status.round
    assert current is not None
    found: list[IntArray] = []
    for sharing in Inbox(rig.folder / role).sharings(1):
        context = context_of(current, sharing.nodes)
        found += [
            open_reshare(context, party, role, sharing.read(f"{party}.reshare"), rig.parameters) for party in PARTIES
        ]
    if role in PARTIES:
        index = PARTIES.index(role)
        for name in names:
            seed = rig.seeds.of(name)[index]
            found.append(Stream(seed, name.of_update().label(index)).words(rig.parameters))
            found.append(rig.summands[index].shares(rig.status, {name.hospital: 1}))
    return found


def targets(rig: Rig, hospitals: list[str]) -> list[IntArray]:
    """Return what nobody may find: r, r - w and p = (w + r) / 2, as summed and as rounded."""
    packed = fetch_model(rig.ledger(A), rig.task, rig.task.initial_model)
    base = np.frombuffer(packed, dtype="<i4").astype(np.int64)
    updates = [rig.updates[hospital] for hospital in hospitals]
    return [one for r in updates for one in (r, r - base, base - r, base + r, (base + r + 1) >> 1, (base + r) >> 1)]


def found(held: list[IntArray], wanted: list[IntArray]) -> bool:
    """Return whether one of the wanted vectors is held, or is the sum or difference of two that are held."""
    functional = np.random.default_rng(1).integers(-(2**63), 2**63 - 1, held[0].size, dtype=np.int64)
    numbers = np.unique(np.array([(vector * functional).sum() for vector in held]))
    sought = np.array([(vector * functional).sum() for vector in wanted])
    return any(np.isin(np.concatenate([numbers, numbers + one, numbers - one]), sought).any() for one in numbers)


@pytest.mark.parametrize("role", [*PARTIES, H1, DEALER])
def test_no_role_ever_holds_an_update(rig: Rig, role: str) -> None:
    held = recorded(rig, role) + computed(rig, role)
    assert len(held) > 10
    others = [hospital for hospital in HOSPITALS if hospital != role]
    assert not found(held, targets(rig, others))


def test_the_search_finds_what_two_parties_hold_together(rig: Rig) -> None:
    held = [vector for party in PARTIES for vector in recorded(rig, party) + computed(rig, party)]
    for hospital in HOSPITALS:
        assert found(held, targets(rig, [hospital])[:1])


def test_the_search_finds_what_the_dealer_and_a_party_hold_together(rig: Rig) -> None:
    held = recorded(rig, A) + computed(rig, DEALER)
    assert found(held, targets(rig, [H2])[:1])


def test_the_search_looks_at_what_a_role_sends(rig: Rig) -> None:
    """What one party holds and what it sends away make an update, though nobody else sees one."""
    other = rig.summands[0].shares(rig.status, {H2: 1})
    rig.heard[H1].append((A, other.tobytes()))
    assert found(recorded(rig, A) + computed(rig, A), targets(rig, [H2])[:1])
    assert not found(recorded(rig, H1) + computed(rig, H1), targets(rig, [H2]))
