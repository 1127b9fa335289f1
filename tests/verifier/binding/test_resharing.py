# SPDX-License-Identifier: Apache-2.0
"""Re-shares of a party's sum: they add up, are the same after a crash and independent for another choice of nodes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medquorum.errors import ProtocolError
from medquorum.verifier.binding.masks import masks_hash, update_mask
from medquorum.verifier.binding.resharing import AggregationContext, open_reshare, reshares
from medquorum.verifier.randomness.identifier import MaterialId

PARTY, SECRET = "VerifierAMSP", bytes(range(32))
BOTH = {"A": 1, "B": 1}
UPDATES = [("Hospital1MSP", "1" * 64, 1), ("Hospital2MSP", "2" * 64, 1)]


def context(count=3, *, round_number=1, updates=UPDATES):
    return AggregationContext("demo", round_number, "b" * 64, updates, [f"Node{number}MSP" for number in range(count)])


def opened(one, given, size):
    return [open_reshare(one, PARTY, node, given[node], size) for node in one.nodes]


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=20), st.integers(1, 5))
def test_re_shares_add_up_in_the_ring(values, count):
    total = np.array(values, dtype=np.int64)
    one = context(count)
    given_ = reshares(one, PARTY, SECRET, total)
    assert [len(given_[node]) for node in one.nodes[:-1]] == [32] * (count - 1)
    assert (sum(opened(one, given_, total.size), np.zeros(total.size, dtype=np.int64)) == total).all()


def test_they_follow_from_secret_set_and_choice():
    total = np.arange(50, dtype=np.int64)
    first = reshares(context(), PARTY, SECRET, total)
    assert reshares(context(), PARTY, SECRET, total) == first
    others = [
        reshares(context(4), PARTY, SECRET, total),
        reshares(context(round_number=2), PARTY, SECRET, total),
        reshares(context(updates=UPDATES[:1]), PARTY, SECRET, total),
        reshares(context(updates=[UPDATES[0], (*UPDATES[1][:2], 2)]), PARTY, SECRET, total),
        reshares(context(), "VerifierBMSP", SECRET, total),
        reshares(context(), PARTY, bytes(32), total),
    ]
    seeds = [given_["Node0MSP"] for given_ in (first, *others)]
    assert len(set(seeds)) == len(seeds)


def test_a_re_share_of_another_size_is_refused():
    total = np.arange(5, dtype=np.int64)
    one = context()
    given_ = reshares(one, PARTY, SECRET, total)
    for node, wrong in (("Node0MSP", bytes(31)), ("Node0MSP", bytes(40)), ("Node2MSP", given_["Node2MSP"][:-1])):
        with pytest.raises(ProtocolError, match="the re-share of VerifierAMSP has"):
            open_reshare(one, PARTY, node, wrong, 5)


def test_a_mask_follows_from_its_seeds_in_every_attempt():
    seeds = bytes(32), bytes(range(32))
    first = update_mask(seeds, MaterialId("demo", 1, "Hospital1MSP", attempt=1), 9)
    assert (update_mask(seeds, MaterialId("demo", 1, "Hospital1MSP", attempt=2, batch=3, gate="x"), 9) == first).all()
    assert (update_mask(seeds, MaterialId("demo", 1, "Hospital2MSP"), 9) != first).any()


def test_the_masks_hash_is_bound_to_everything():
    total = np.arange(9, dtype=np.int64)
    other = total.copy()
    other[8] += 1
    found = {
        masks_hash("demo", 1, BOTH, bytes(32), total),
        masks_hash("demo", 2, BOTH, bytes(32), total),
        masks_hash("other", 1, BOTH, bytes(32), total),
        masks_hash("demo", 1, {"A": 1}, bytes(32), total),
        masks_hash("demo", 1, {"A": 1, "B": 2}, bytes(32), total),
        masks_hash("demo", 1, BOTH, bytes(range(32)), total),
        masks_hash("demo", 1, BOTH, bytes(32), other),
    }
    assert len(found) == 7
