# SPDX-License-Identifier: Apache-2.0
"""The choice among hidden gains is the plain rule's."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from medquorum.core.rules.direction.search import LossJudge
from medquorum.verifier.comparison.fss import Fss
from medquorum.verifier.comparison.tree import Tree
from medquorum.verifier.direction.choice import any_gains, deal_any_gains, deal_last_with, last_with
from medquorum_testing.encrypted.two_parties import split, together

LARGEST = (1 << 63) // 2000 - 1
GAINS = st.lists(st.one_of(st.integers(-3, 3), st.integers(-LARGEST, LARGEST)), min_size=1, max_size=5)


@pytest.mark.parametrize("back_end", [Tree, lambda: Fss(b"test")])
@given(gains=GAINS, share=st.sampled_from([0, 1, 500, 999, 1000]))
@example(gains=[LARGEST, -LARGEST, LARGEST, LARGEST - 1, -LARGEST], share=1000)
@example(gains=[0, 0, 0, 0, 0], share=500)
@example(gains=[-5, -5, -7], share=1000)
@settings(max_examples=10)
def test_both_questions_are_answered_as_in_plain(back_end, gains, share):
    names = [((str(place), 1),) for place in range(len(gains))]
    losses = {(): 0} | {name: -gain for name, gain in zip(names, gains, strict=True)}
    plain = LossJudge(losses.__getitem__)
    shares = split(np.array(gains))

    def deal(dealer):
        deal_any_gains(dealer, back_end(), len(gains))
        deal_last_with(dealer, back_end(), len(gains))

    def play(party, randomness):
        own = shares[party.index]
        gained = any_gains(party, randomness, back_end(), own)
        return gained.numbers, last_with(party, randomness, back_end(), own, share).numbers

    (first, place), (second, other) = together(deal, play)
    assert (first[0] + second[0]) % 2 == plain.any_gains(names)
    if plain.any_gains(names) or share == 1000:
        assert (place[0] + other[0]) == plain.last_with(names, share)
