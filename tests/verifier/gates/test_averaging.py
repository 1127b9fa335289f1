# SPDX-License-Identifier: Apache-2.0
"""The next model as shares is the plain one, to the last bit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medquorum.core.aggregate import divisions, next_model
from medquorum.core.division import common_shift, multiplier
from medquorum.core.inference import compile_model, count_correct
from medquorum.core.model import catalogue, layout, parse
from medquorum.core.model.layout import Kind
from medquorum.errors import ModelError
from medquorum.verifier.comparison.tree import Tree
from medquorum.verifier.gates.averaging import Averaging
from medquorum.verifier.model.planning import make_plan
from medquorum.verifier.session.local import Inputs, verify
from medquorum_testing.encrypted.engine_models import case
from medquorum_testing.encrypted.two_parties import split, together
from medquorum_testing.inference.tiny_models import TINY

MLP = parse(catalogue.mlp((1, 2, 2), 3, hidden=4))
FOLDED = parse(TINY["residual"])
"""With batch normalisation: mean and scale reach further, and are not mixed."""


@given(st.integers(1, 1 << 13), st.integers(1, 1 << 40), st.data())
def test_a_product_and_a_shift_divide(divisor, bound, data):
    try:
        shift = common_shift([(divisor, bound)])
    except ModelError:
        assert divisor * bound > 1 << 31
        return
    near = st.integers(0, bound // divisor).map(lambda q: min(max(0, q * divisor - 1), bound - 1))
    for x in (0, bound - 1, data.draw(st.integers(0, bound - 1)), data.draw(near)):
        product = x * multiplier(divisor, shift)
        assert product < 1 << 62
        assert product >> shift == x // divisor


@pytest.mark.parametrize(
    ("kinds", "bits", "most"), [({Kind.WEIGHT}, 1, 1024), ({Kind.WEIGHT}, 8, 8), (set(Kind), 1, 16)]
)
def test_how_many_updates_can_be_averaged(kinds, bits, most):
    for count in range(1, most + 1):
        common_shift(divisions(kinds, bits, count))
    with pytest.raises(ModelError, match="cannot be divided"):
        common_shift(divisions(kinds, bits, 32 * most + 1))


def sums(description, random, count):
    """Draw a base and the sum of updates within RANGE, the extremes among them."""
    base, total = {}, {}
    for spec in layout(description):
        low, high = spec.kind.lowest, spec.kind.highest
        drawn = random.integers(low, high + 1, (count + 1, *spec.shape))
        drawn[:, ..., 0] = random.choice([low, high])
        drawn[..., -1] = random.choice([low, high], drawn[..., -1].shape)
        base[spec.name], total[spec.name] = drawn[0], drawn[1:].sum(axis=0)
    return base, total


def averaged(description, base, total, numerator, bits, count):
    gate = Averaging(layout(description), numerator, bits, count)
    flat = np.concatenate([total[spec.name].reshape(-1) for spec in layout(description)])
    shares = split(flat, count)
    parts = together(
        lambda dealer: list(gate.deal(lambda name: dealer, Tree())),
        lambda party, randomness: gate.evaluate(party, lambda name: randomness, Tree(), base, shares[party.index]),
    )
    return parts[0] + parts[1]


@settings(max_examples=30)
@given(st.sampled_from([MLP, FOLDED]), st.integers(0, 1 << 30), st.integers(1, 16), st.integers(0, 2), st.data())
def test_it_is_the_plain_next_model(model, seed, count, bits, data):
    numerator = data.draw(st.integers(0, 1 << bits))
    base, total = sums(model, np.random.default_rng(seed), count)
    found = averaged(model, base, total, numerator, bits, count)
    plain = next_model(model, base, total, count, lambda_numerator=numerator, lambda_bits=bits)
    assert found.tolist() == np.concatenate([plain[spec.name].reshape(-1) for spec in layout(model)]).tolist()


@pytest.mark.parametrize("name", ["dense", "residual"])
@pytest.mark.parametrize("count", [1, 3])
def test_the_model_that_a_sum_leads_to_is_evaluated(name, count):
    cases = [case(TINY[name], 20, grayscale=False, seed=seed) for seed in range(count)]
    first = cases[0]
    total = {key: sum(one.update[key] for one in cases) for key in first.update}
    plan = make_plan(first.description, ["own"], lambda_numerator=1, lambda_bits=1, grayscale=False, updates=count)
    inputs = Inputs(first.base, split(sum(one.flat() for one in cases)), first.images, first.labels, 7)
    outcomes = verify(plan, inputs, Tree)
    model = next_model(first.description, first.base, total, count, lambda_numerator=1, lambda_bits=1)
    program = compile_model(first.description, model, lambda_numerator=1, lambda_bits=0)
    right = count_correct(program, first.images, first.labels).correct
    assert [outcome.counts.tolist() for outcome in outcomes] == [[right]] * 2
