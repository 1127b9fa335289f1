# SPDX-License-Identifier: Apache-2.0
"""RANGE, the norm bound, correctness and the verdict's bit under encryption, against their plain definitions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medquorum.core.fixedpoint import wrap
from medquorum.core.inference import compile_model, correct, count_correct
from medquorum.core.model import Kind, TensorSpec, catalogue
from medquorum.errors import ConfigError
from medquorum.verifier.comparison.fss import Fss
from medquorum.verifier.comparison.tree import Tree
from medquorum.verifier.gates.correctness import Correctness
from medquorum.verifier.gates.decision import deal_decision, decide
from medquorum.verifier.gates.parameter_range import bounds, deal_outside, outside
from medquorum.verifier.model.planning import make_plan
from medquorum.verifier.session.local import Inputs, verify
from medquorum_testing.encrypted.engine_models import case
from medquorum_testing.encrypted.two_parties import split, together

LAYOUT = tuple(TensorSpec(kind.value, (7,), kind) for kind in Kind)


def spoiled(kind):
    """Values at and around a kind's bounds, and far ones that wrap."""
    near = [kind.lowest, kind.highest, kind.lowest - 1, kind.highest + 1]
    return np.array([*near, 1 << 62, -(1 << 63), (1 << 63) - 1], dtype=np.int64)


def test_range_counts_every_value_outside_its_bound():
    values = np.concatenate([spoiled(spec.kind) for spec in LAYOUT])
    masks = np.random.default_rng(0).integers(-(1 << 63), 1 << 63, values.shape)
    lowest, allowed = bounds(LAYOUT, slice(0, values.shape[0]))
    for used in (masks, -values, lowest - values, -1 - values):
        first, second = together(
            lambda dealer, used=used: deal_outside(dealer, Tree(), used, allowed),
            lambda party, randomness, used=used: outside(party, randomness, Tree(), values + used, lowest),
        )
        assert int(first[0] + second[0]) % (1 << 32) == 5 * len(LAYOUT)


def test_bounds_of_a_slice_are_those_of_the_whole():
    whole = bounds(LAYOUT, slice(0, 35))
    cut = [bounds(LAYOUT, slice(start, min(start + 9, 35))) for start in range(0, 35, 9)]
    for index in (0, 1):
        assert (np.concatenate([part[index] for part in cut]) == whole[index]).all()


@pytest.mark.parametrize("tensor", ["fc1.weight", "fc2.bias"])
@pytest.mark.parametrize("value", [1 << 19, -(1 << 19), 1 << 40, -(1 << 63), (1 << 62) + 5])
def test_one_parameter_out_of_range_is_refused(tensor, value):
    """Also where the huge value would wrap, and where no image depends on it."""
    found = case(catalogue.describe("mlp", (1, 4, 4), 2), 3)
    found.update[tensor].reshape(-1)[1] = value
    plan = make_plan(found.description, ["mixed"], lambda_numerator=1, lambda_bits=1, grayscale=True)
    inputs = Inputs(found.base, split(found.flat()), found.images, found.labels, 3, np.array([0]))
    assert [outcome.accepted for outcome in verify(plan, inputs, Tree)] == [False, False]


@pytest.mark.parametrize("difference", [-1, 0, 1])
def test_norm_bound_is_exact(difference):
    found = case(catalogue.describe("mlp", (1, 4, 4), 2), 3)
    change = np.zeros(found.flat().shape[0], dtype=np.int64)
    change[:2] = 3 * 65536, 4 * 65536 + difference
    start = 0
    for name, values in found.update.items():
        found.base[name] = values - change[start : start + values.size].reshape(values.shape)
        start += values.size
    plan = make_plan(found.description, ["mixed"], lambda_numerator=1, lambda_bits=1, grayscale=True, norm=5000)
    inputs = Inputs(found.base, split(found.flat()), found.images, found.labels, 3, np.array([0]))
    assert [outcome.accepted for outcome in verify(plan, inputs, Tree)] == [difference <= 0] * 2


def test_a_norm_bound_beyond_the_ring_is_refused():
    found = case(catalogue.describe("mlp", (1, 4, 4), 2), 1)
    with pytest.raises(ConfigError, match="norm bound is too large"):
        make_plan(found.description, ["mixed"], lambda_numerator=1, lambda_bits=1, grayscale=True, norm=10**9)


@pytest.mark.parametrize("back_end", [Tree, lambda: Fss(b"test")])
@pytest.mark.parametrize("per_class", [False, True])
@settings(max_examples=15)
@given(st.integers(2, 12), st.integers(0, 1 << 30))
def test_correctness_with_ties_and_wraps(back_end, per_class, classes, seed):
    rng = np.random.default_rng(seed)
    pools = [rng.integers(-2, 2, (40, classes)), rng.choice([-(1 << 31), (1 << 31) - 1, 0, 1 << 30], (40, classes))]
    logits = np.concatenate([*pools, rng.integers(-(1 << 31), 1 << 31, (40, classes))]).astype(np.int64)
    labels = rng.integers(0, classes, logits.shape[0])
    shares = split(wrap(logits, 32), seed)
    gate = Correctness(classes, 32, per_class)
    first, second = together(
        lambda dealer: gate.deal(dealer, back_end(), logits.shape[0]),
        lambda party, randomness: gate.evaluate(
            party, randomness, back_end(), shares[party.index], None if party.index else labels
        ),
    )
    right = correct(logits, labels, 32)
    expected = np.bincount(labels[right], minlength=classes) if per_class else np.array([right.sum()])
    assert ((first + second) % (1 << 32) == expected).all()


@pytest.mark.parametrize(
    ("counts", "needed", "fails", "accepted"),
    [
        ([5], [5], 0, True),
        ([5], [6], 0, False),
        ([5, 2], [0, 3], 0, False),
        ([5, 3], [0, 3], 0, True),
        ([5], [0], 1, False),
        ([5], [0], 12_000_000, False),
        ([], [], 0, True),
        ([], [], 2, False),
        ([0], [-9], 0, True),
    ],
)
def test_the_bit_is_the_and_of_all_conditions(counts, needed, fails, accepted):
    shares = split(np.array(counts, dtype=np.int64))
    failed = split(np.array([fails], dtype=np.int64))
    minima = np.array(needed, dtype=np.int64)
    first, second = together(
        lambda dealer: deal_decision(dealer, Tree(), len(counts)),
        lambda party, randomness: decide(
            party, randomness, Tree(), shares[party.index], None if party.index else minima, failed[party.index]
        ),
    )
    assert ((first ^ second) & 1).tolist() == [accepted]


def test_both_models_and_classes_in_one_verification():
    found = case(catalogue.describe("mlp", (1, 6, 6), 3), 20)
    plan = make_plan(
        found.description,
        ["mixed", "own"],
        lambda_numerator=3,
        lambda_bits=2,
        grayscale=True,
        per_class=True,
        norm=10**6,
    )
    inputs = Inputs(found.base, split(found.flat()), found.images, found.labels, 8)
    first, second = verify(plan, inputs, Tree)
    mixed = compile_model(found.description, found.base, found.update, lambda_numerator=3, lambda_bits=2)
    own = compile_model(found.description, found.update)
    expected = [count_correct(program, found.images, found.labels).per_class_correct for program in (mixed, own)]
    assert first.counts.tolist() == second.counts.tolist() == [*expected[0], *expected[1]]
    assert first.accepted
