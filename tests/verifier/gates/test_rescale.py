# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medquorum.core.fixedpoint import wrap
from medquorum.verifier.comparison.fss import Fss
from medquorum.verifier.comparison.tree import Tree
from medquorum.verifier.gates.rescale import Form, Rescale
from medquorum_testing.encrypted.two_parties import split, together

BACK_ENDS = {"tree": Tree, "fss": lambda: Fss(b"test")}
RNG = np.random.default_rng(7)


def below(values, masks, position):
    low = np.uint64((1 << position) - 1)
    return (values.view(np.uint64) & low) < (masks.view(np.uint64) & low)


@pytest.mark.parametrize("back_end", BACK_ENDS)
@pytest.mark.parametrize(
    "positions", [(1,), (4,), (16,), (24,), (25,), (31,), (16, 47), (17, 49), (24, 56), (63,), (64,)]
)
def test_borrows_are_exact(back_end, positions):
    public, masks = RNG.integers(-(1 << 63), 1 << 63, (2, 210))
    masks[:30] = public[:30]
    masks[30:60] = public[30:60] + 1
    masks[60:90] = public[60:90] - 1
    for bit in range(64):
        masks[90 + bit] = public[90 + bit] ^ np.int64(1 << bit if bit < 63 else -(1 << 63))
    dealt = []
    found = together(
        lambda dealer: dealt.extend(BACK_ENDS[back_end]().deal(dealer, masks, positions)),
        lambda party, randomness: BACK_ENDS[back_end]().borrows(party, randomness, public, positions),
    )
    for index, position in enumerate(positions):
        assert (found[0][index] == found[1][index]).all()
        assert ((found[0][index] ^ dealt[index]) == below(public, masks, position)).all()


def expected(gate, values):
    reduced = values >> np.int64(gate.shift)
    if gate.form is not Form.BOUNDED:
        reduced = wrap(reduced, gate.width) if gate.width < 64 else reduced
    if gate.form is Form.RELU:
        return np.maximum(reduced, 0)
    return (reduced < 0).astype(np.int64) if gate.form is Form.NEGATIVE else reduced


GATES = [
    Rescale(16, 32, 32, Form.NARROW),
    Rescale(24, 32, 32, Form.NARROW),
    Rescale(16, 32, 48, Form.SIGNED),
    Rescale(17, 32, 49, Form.SIGNED),
    Rescale(0, 32, 48, Form.SIGNED),
    Rescale(16, 32, 48, Form.RELU),
    Rescale(24, 32, 56, Form.RELU),
    Rescale(0, 32, 32, Form.RELU),
    Rescale(0, 32, 50, Form.RELU),
    Rescale(0, 32, 4, Form.NEGATIVE),
    Rescale(16, 32, 32, Form.NEGATIVE),
    Rescale(0, 64, 32, Form.NEGATIVE),
    Rescale(16, 48, 49, Form.BOUNDED),
    Rescale(24, 40, 64, Form.BOUNDED),
]
EDGES = [0, 1, -1, (1 << 63) - 1, -(1 << 63), 1 << 47, -(1 << 47), (1 << 47) - 1, (1 << 31) - 1, 1 << 31, -(1 << 31)]


@pytest.mark.parametrize("back_end", BACK_ENDS)
@pytest.mark.parametrize("gate", GATES, ids=str)
@settings(max_examples=5)
@given(st.lists(st.integers(-(1 << 63), (1 << 63) - 1), max_size=60), st.integers(0, 1 << 30), st.booleans())
def test_rescale_equals_floor(back_end, gate, drawn, seed, with_offset):
    values = np.array([*EDGES, *drawn], dtype=np.int64)
    if gate.form is Form.BOUNDED:
        values >>= np.int64(1)
        values = np.clip(values, -(1 << 62) + 1, (1 << 62) - 1)
    offset = np.random.default_rng(seed).integers(-(1 << 63), 1 << 63, values.shape) if with_offset else None
    shares = split(values if offset is None else values + offset, seed)
    first, second = together(
        lambda dealer: gate.deal(dealer, BACK_ENDS[back_end](), values.shape, offset),
        lambda party, randomness: gate.evaluate(party, randomness, BACK_ENDS[back_end](), shares[party.index]),
    )
    low = np.int64((1 << gate.ring) - 1 if gate.ring < 64 else -1)
    assert ((first + second & low) == (expected(gate, values) & low)).all()


def test_the_usual_truncation_would_not_do():
    """Truncating each share is off by one on about half of all values: why there is a comparison in the gate."""
    values = RNG.integers(-(1 << 40), 1 << 40, 10_000)
    first, second = split(values)
    local = (first >> np.int64(16)) - (-second >> np.int64(16))
    wrong = (local != values >> np.int64(16)).mean()
    assert 0.4 < wrong < 0.6
