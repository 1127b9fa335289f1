# SPDX-License-Identifier: Apache-2.0
"""A party that deviates: found where it shifts the verdict's bit at its opening, which has a tag; elsewhere not.

A party that adds a number to its share of an opened value shifts what both parties open, and both write down the same
transcript. So the two attestations agree on the shifted counts (docs/reference/protocol.md). It does so blindly: it has
to commit to its share of the result before it sees the other one's. Two things would catch it. Dealer MACs on the masks
show every shifted opening at once. Canary updates with known verdicts, among the real ones, show it in the long run.
"""

import numpy as np
import pytest

from medquorum.verifier.opening.party import Party
from medquorum.verifier.session.session import Session
from medquorum_testing.encrypted.engine_models import case
from medquorum_testing.encrypted.local_dealer import LocalDealer
from medquorum_testing.encrypted.lying_session import BIT, COUNTS, lying
from medquorum_testing.encrypted.one_session import CASE, DOCUMENT, IMAGES, both, correct, spec

OTHER = case(DOCUMENT, IMAGES, seed=4).flat()
"""Another update."""


def verified(folder, monkeypatch, dishonest, *, minimum=None, session=Session):
    """Verify with this class of parties and sessions; return what both learnt, transcripts included."""
    monkeypatch.setattr("medquorum.verifier.session.session.Party", dishonest)
    monkeypatch.setattr("medquorum_testing.encrypted.one_session.Session", session)
    first, second = both(folder, LocalDealer(spec("tree", only_bit=minimum is not None)), minimum)
    assert first == second, "both attest the same, the transcript included"
    return first


def opening_parameters(liar, shift):
    """Make a party that, being ``liar``, adds to its share of the first opening: the update under its mask."""

    class Dishonest(Party):
        openings = 0

        def open(self, mask, share, bits):
            self.openings += 1
            return super().open(mask, share + shift if self.index == liar and self.openings == 1 else share, bits)

    return Dishonest


def test_honest_parties_open_the_true_count(tmp_path, monkeypatch):
    found = verified(tmp_path, monkeypatch, Party)
    assert (found.counts, found.shifted) == ((correct(CASE.flat()),), False)


@pytest.mark.parametrize("liar", [0, 1])
def test_no_counts_are_opened_where_the_bit_before_them_was_shifted(tmp_path, monkeypatch, liar):
    far = {name: np.full_like(values, 1 << 30) for name, values in CASE.update.items()}
    monkeypatch.setattr("medquorum_testing.encrypted.one_session.CASE", CASE._replace(update=far))
    found = verified(tmp_path, monkeypatch, Party, session=lying(liar, BIT, 1, Session))
    assert (found.holds, found.counts, found.shifted) == (True, (), True)


@pytest.mark.parametrize("liar", [0, 1])
def test_a_shifted_count_is_not_caught(tmp_path, monkeypatch, liar):
    found = verified(tmp_path, monkeypatch, Party, session=lying(liar, COUNTS, 7, Session))
    assert found.counts == (correct(CASE.flat()) + 7,)


@pytest.mark.parametrize("liar", [0, 1])
@pytest.mark.parametrize("margin", [0, 1])
def test_a_flipped_verdict_is_found(tmp_path, monkeypatch, liar, margin):
    minimum = np.array([correct(CASE.flat()) + margin], dtype=np.int64)
    found = verified(tmp_path, monkeypatch, Party, minimum=minimum, session=lying(liar, BIT, 1, Session))
    assert (found.holds, found.shifted) == (margin == 1, True)


@pytest.mark.parametrize("liar", [0, 1])
def test_a_shifted_opening_is_not_caught(tmp_path, monkeypatch, liar):
    """Shifting the opened update by a difference has the parties judge another one than the hospital committed to."""
    assert correct(OTHER) != correct(CASE.flat())
    found = verified(tmp_path, monkeypatch, opening_parameters(liar, OTHER - CASE.flat()))
    assert found.counts == (correct(OTHER),)
