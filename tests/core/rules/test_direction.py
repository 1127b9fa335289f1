# SPDX-License-Identifier: Apache-2.0
"""The rule ``direction`` in its parts: against exact fractions, Python integers and the vectors."""

from collections import Counter
from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medquorum.core.inference import compile_model
from medquorum.core.model import layout, parse
from medquorum.core.rules import MEMBERS, Candidate, Reason, RootUpdate, judge_direction, margin_loss, parse_rule
from medquorum.core.rules.direction.levels import Levels, cosine_level, inner_product, norm_level
from medquorum.core.rules.direction.margin import image_losses
from medquorum.core.rules.direction.search import LossJudge, aligned, choose, lengths, ordered, steps
from medquorum.core.rules.direction.tables import COSINES, MAX_DISTANCE, NORMS, norm_at_most, norm_ratio
from medquorum.core.rules.direction.weights import apportion, middle_norm, shares, spread
from medquorum.errors import ContractError
from medquorum_testing.inference.tiny_models import TINY, random_tensors
from medquorum_testing.vectors import load_vector

RULE = parse_rule({"name": "direction"})
VECTOR = load_vector("direction")
PARTS = st.dictionaries(st.text("ABCDEFGH", min_size=1, max_size=2), st.integers(0, 1 << 33), min_size=1, max_size=9)


def test_tables_are_the_vectors():
    assert list(NORMS) == VECTOR["norms"]
    assert list(COSINES) == VECTOR["cosines"]
    assert [norm_at_most(level) for level in range(len(NORMS) + 1)] == VECTOR["ends"]
    assert {str(levels): norm_ratio(levels) for levels in range(-127, 20)} == VECTOR["ratios"]
    assert norm_ratio(-128) == norm_ratio(-1000) == 0


def test_levels_losses_and_weights_are_the_vectors():
    assert [[*case[:3], cosine_level(*case[:3])] for case in VECTOR["products"]] == VECTOR["products"]
    found = image_losses(RULE, np.array(VECTOR["logits"]), np.array(VECTOR["labels"]), 32)
    assert found.tolist() == VECTOR["losses"]
    for total, weights in VECTOR["weights"].items():
        assert list(apportion(int(total), VECTOR["shares"]).values()) == weights


@given(distance=st.integers(0, MAX_DISTANCE))
def test_a_norms_level_is_that_of_its_fourth_power(distance):
    level = norm_level(distance)
    if level:
        assert (distance + 1) ** 4 > 1 << (63 + level)
    if level < len(NORMS):
        assert distance**4 < 1 << (64 + level)


@given(seed=st.integers(0, 2**32 - 1), scale=st.sampled_from([0.01, 1.0, 7.9]))
@settings(max_examples=50)
def test_inner_products_and_levels_against_fractions(seed, scale):
    rng = np.random.default_rng(seed)
    description = parse(TINY["residual"])
    base, one, two = (random_tensors(description, rng, scale=scale) for _ in range(3))
    names = [spec.name for spec in layout(description) if spec.kind.mixed]
    first, second = (
        [int(r) - int(w) for name in names for r, w in zip(t[name].ravel(), base[name].ravel(), strict=True)]
        for t in (one, two)
    )
    product = inner_product(description, base, one, two)
    assert product == sum(a * b for a, b in zip(first, second, strict=True))
    own, root = (sum(a * a for a in v) for v in (first, second))
    assert product**2 <= own * root
    levels = RootUpdate(description, base, two).levels(one)
    assert levels == (norm_level(own), cosine_level(product, norm_level(own), norm_level(root)))
    if levels.cosine and levels.norm:
        # Norms are rounded up by less than 2^(1/8) each, so the level says at most the true cosine.
        assert Fraction(product**2, own * root) >= Fraction(COSINES[levels.cosine], 1 << 16) ** 2 * Fraction(
            9999, 10000
        )
        assert levels.cosine >= cosine_level(product, norm_level(own) + 1, norm_level(root) + 1)


def test_an_update_far_away_or_with_far_statistics_has_no_levels():
    rng = np.random.default_rng(3)
    description = parse(TINY["dense"])
    base = random_tensors(description, rng)
    near = {name: values + rng.integers(-900, 900, values.shape).astype(values.dtype) for name, values in base.items()}
    near["n.scale"] = np.abs(near["n.scale"]) + 1
    root = RootUpdate(description, base, near)
    assert root.usable and root.levels(near).cosine >= 23
    assert root.levels(near | {"n.mean": base["n.mean"] + (900 << 16)}) is None
    assert root.levels(near | {"n.scale": base["n.scale"] + (300 << 16)}) is None
    assert root.levels(base) == Levels(0, 0)
    assert not RootUpdate(description, base, base).usable


@given(total=st.integers(0, 256), parts=PARTS)
def test_weights_are_the_floors_of_running_sums(total, parts):
    weights = apportion(total, parts)
    whole = sum(parts.values())
    assert list(weights) == list(parts)
    assert sum(weights.values()) == (total if whole else 0)
    for name, weight in weights.items():
        assert weight >= 0
        assert not whole or abs(weight - Fraction(total * parts[name], whole)) < 1


@given(count=st.integers(3, 30))
def test_alike_updates_get_weights_that_a_hidden_sum_may_be_opened_with(count):
    weights = apportion(128, dict.fromkeys(map(str, range(count)), 7)).values()
    assert sum(weights) ** 2 >= 3 * sum(w * w for w in weights) * Fraction(99, 100)
    assert 2 * max(weights) <= sum(weights)


@given(weights=st.lists(st.integers(0, 64), min_size=1, max_size=8), minimum=st.integers(3, 6))
@settings(max_examples=300)
def test_whoever_colludes_no_other_update_stands_out_of_a_hidden_sum(weights, minimum):
    if spread(weights, MEMBERS, minimum):
        for told in combinations(range(len(weights)), minimum - 3):
            left = [weight for place, weight in enumerate(weights) if place not in told]
            assert len([weight for weight in left if weight]) >= 3
            assert 2 * max(left) <= sum(left)


def test_a_hidden_sum_is_of_as_many_as_the_task_demands():
    """An update of a large norm has a weight of 0; four that are mixed are no sum of five."""
    rule = parse_rule({"name": "direction", "members": MEMBERS})
    levels = {"A": Levels(150, 20)} | {name: Levels(40, 20) for name in "BCDE"}
    judge = LossJudge(lambda weights: -sum(weight for _, weight in weights))
    assert sum(map(bool, choose(rule, levels, 128, 4, judge).values())) == 4
    assert sum(choose(rule, levels, 128, 5, judge).values()) == 0


@pytest.mark.parametrize("members", [0, MEMBERS])
def test_updates_that_weigh_nothing_are_no_model(members):
    """Three that point best and are 2^16 times as long as the middle one."""
    rule = parse_rule({"name": "direction", "members": members})
    levels = dict.fromkeys("ABC", Levels(150, 25)) | dict.fromkeys("DEFG", Levels(10, 20))
    asked = []
    choose(rule, levels, 128, 3, LossJudge(lambda weights: asked.append(weights) or -len(asked)))
    assert all(any(weight for _, weight in weights) for weights in asked if weights)


def test_norms_are_brought_to_the_rounds_middle():
    levels = {"A": Levels(40, 20), "B": Levels(48, 20), "C": Levels(60, 20), "D": Levels(20, 20)}
    assert middle_norm(levels) == 40
    worth = shares(levels, 40)
    assert worth["A"] == 2 * worth["B"] == COSINES[20] << 16
    assert worth["D"] == 2 * worth["A"]  # no update counts for more than twice its own length


def test_the_gate_is_relative_to_the_better_half():
    cosines = {"A": 22, "B": 21, "C": 20, "D": 19, "E": 14, "F": 13, "G": 2, "H": 0}
    assert aligned(RULE, cosines) == {"A", "B", "C", "D", "E"}  # the better half's middle one is C
    assert aligned(RULE, {"A": 2, "B": 0}) == set()
    assert aligned(RULE, {}) == set()
    assert ordered({name: Levels(1, level) for name, level in cosines.items()})[0] == "A"


def test_lengths_and_steps():
    assert lengths(10, 1) == [3, 4, 6, 8, 10]
    assert lengths(10, 5) == [6, 8, 10]
    assert lengths(5, 1) == [1, 2, 3, 4, 5]
    assert lengths(2, 3) == []
    assert lengths(30, 2) == [8, 12, 16, 24, 30]
    assert steps(128) == [256, 128, 64, 32]
    assert steps(256) == [256, 128, 64, 32]
    assert steps(100) == [200, 100, 50, 25]
    assert steps(1) == [2, 1, 0, 0]
    assert steps(0) == [0, 0, 0, 0]


def quadratic(pulls, target):
    """Return a loss: how far Σ W·pull is from a target, 1000 · 256 at the base."""
    return lambda weights: abs(1000 * 256 * target - sum(1000 * weight * pulls[name] for name, weight in weights))


def test_the_widest_prefix_with_half_of_the_best_gain_is_taken_at_its_best_step():
    levels = {name: Levels(40, 20) for name in "ABCD"}
    loss = quadratic({"A": 1, "B": 1, "C": 1, "D": -1}, Fraction(5, 8))
    # All four come to 1/2 with the step 2, D pulling back; without D that step goes too far.
    assert choose(RULE, levels, 128, 1, LossJudge(loss)) == dict.fromkeys("ABCD", 64)
    half = parse_rule({"name": "direction", "width": 1000})
    loss = quadratic({"A": 1, "B": 1, "C": 1, "D": -3}, Fraction(5, 8))
    assert choose(half, levels, 128, 1, LossJudge(loss)) == {"A": 42, "B": 43, "C": 43, "D": 0}


@pytest.mark.parametrize("case", VECTOR["choices"], ids=lambda case: f"{len(case['levels'])} of {case['losses'][1]}")
def test_models_are_asked_for_and_chosen_as_the_vectors_say(case):
    asked = []

    def loss(weights):
        asked.append([list(pair) for pair in weights])
        return case["losses"][len(asked) - 1]

    levels = {name: Levels(*level) for name, level in case["levels"].items()}
    assert choose(RULE, levels, case["full"], case["minimum"], LossJudge(loss)) == case["chosen"]
    assert asked == case["asked"]


def test_a_first_one_that_spoils_every_prefix_is_dropped_once():
    levels = {"A": Levels(40, 25), "B": Levels(40, 20), "C": Levels(40, 20)}
    assert choose(RULE, levels, 128, 2, LossJudge(quadratic({"A": -9, "B": 1, "C": 1}, 1))) == {
        "A": 0,
        "B": 128,
        "C": 128,
    }
    levels["B"] = Levels(40, 24)
    assert choose(RULE, levels, 128, 2, LossJudge(quadratic({"A": -9, "B": -9, "C": 1}, 1))) == {"A": 0, "B": 0, "C": 0}
    levels = {"A": Levels(40, 25), "B": Levels(40, 20)}
    spoilt = quadratic({"A": -9, "B": 1}, 1)
    assert choose(RULE, levels, 128, 1, LossJudge(spoilt)) == {"A": 0, "B": 256}
    assert choose(RULE, levels, 128, 2, LossJudge(spoilt)) == {
        "A": 0,
        "B": 0,
    }  # the rest is shorter than the task allows


def test_where_the_full_step_is_too_long_a_fourth_is_taken():
    levels = {name: Levels(40, 20) for name in "ABC"}
    loss = quadratic(dict.fromkeys("ABC", 1), Fraction(1, 4))
    assert choose(RULE, levels, 256, 1, LossJudge(loss)) == {"A": 21, "B": 21, "C": 22}


@given(seed=st.integers(0, 2**32 - 1), count=st.integers(0, 40), full=st.integers(0, 256), minimum=st.integers(1, 12))
@settings(max_examples=100)
def test_nine_models_are_evaluated_at_most(seed, count, full, minimum):
    rng = np.random.default_rng(seed)
    levels = {f"H{i}": Levels(int(rng.integers(1, 161)), int(rng.integers(3, 26))) for i in range(count)}
    asked = []

    def loss(weights):
        asked.append(weights)
        return int(rng.integers(0, 100))

    choose(RULE, levels, full, minimum, LossJudge(loss))
    assert len(asked) <= 9
    assert all(len(weights) >= minimum for weights in asked if weights)


@given(seed=st.integers(0, 2**32 - 1), count=st.integers(0, 8))
@settings(max_examples=50)
def test_a_round_never_makes_it_worse_on_the_measure(seed, count):
    rng = np.random.default_rng(seed)
    levels = {f"H{i}": Levels(int(rng.integers(1, 161)), int(rng.integers(3, 26))) for i in range(count)}
    losses = {}

    def loss(weights):
        return losses.setdefault(weights, int(rng.integers(0, 100)))

    chosen = choose(RULE, levels, 128, 1, LossJudge(loss))
    kept = tuple(sorted((name, weight) for name, weight in chosen.items() if name in chosen))
    assert chosen.keys() == levels.keys()
    if any(chosen.values()):
        found = [w for w in losses if {n: v for n, v in w if v} == {n: v for n, v in kept if v}]
        assert min(losses[w] for w in found) < losses[()]


def candidates():
    good = [Candidate(name, levels=Levels(40, 20)) for name in "ABC"]
    bad = [
        Candidate("F", levels=Levels(40, 0)),
        Candidate("M", Reason.MALFORMED),
        Candidate("N", Reason.NORM),
        Candidate("R", Reason.RANGE),
    ]
    return [*good, *bad]


def test_verdicts_tell_refusals_from_a_weight_of_zero():
    loss = quadratic({"A": 1, "B": 1, "C": -1}, 1)
    verdicts = {v.name: v for v in judge_direction(RULE, candidates(), full=128, judge=LossJudge(loss))}
    assert [verdicts[name].reason for name in "FMNR"] == [
        Reason.DIRECTION,
        Reason.MALFORMED,
        Reason.NORM,
        Reason.RANGE,
    ]
    assert all(verdicts[name].accepted for name in "ABC")
    assert [verdicts[name].weight for name in "ABCFMNR"] == [128, 128, 0, None, None, None, None]
    assert {
        v.weight for v in judge_direction(RULE, candidates(), full=128, judge=LossJudge(lambda _: 5)) if v.accepted
    } == {0}


def test_levels_that_are_not_known_are_no_verdict():
    with pytest.raises(ContractError, match="NOT_READY"):
        judge_direction(RULE, [Candidate("A")], full=128, judge=LossJudge(lambda _: 0))


@given(seed=st.integers(0, 2**32 - 1), margin=st.integers(1, 3000), cap=st.integers(1, 9000), bits=st.integers(20, 32))
@settings(max_examples=50)
def test_losses_against_python_integers(seed, margin, cap, bits):
    rng = np.random.default_rng(seed)
    rule = parse_rule({"name": "direction", "margin": margin, "cap": cap})
    half = 1 << (bits - 1)
    logits = rng.integers(-half, half, (5, 3))
    labels = rng.integers(0, 3, 5)
    for row, label, found in zip(
        logits.tolist(), labels.tolist(), image_losses(rule, logits, labels, bits), strict=True
    ):
        gaps = [(row[label] - z + half) % (2 * half) - half for j, z in enumerate(row) if j != label]
        lacking = sum(max(0, margin * 65536 // 1000 - gap) for gap in gaps)
        assert found == min(lacking, cap * 2 * 65536 // 1000)


def test_classes_count_alike():
    """A model that names the majority class of a 95 : 5 set loses as much as one that names the other."""
    rng = np.random.default_rng(7)
    description = parse(TINY["pools"])
    tensors = {name: np.zeros_like(values) for name, values in random_tensors(description, rng).items()}
    images = rng.integers(0, 256, (100, 7, 6, 2), dtype=np.uint8)
    labels = np.array([0] * 95 + [1] * 5)
    assert Counter(labels.tolist()) == {0: 95, 1: 5}
    found = []
    for favoured in range(2):
        tensors["c.bias"] = np.array([3 << 16 if label == favoured else 0 for label in range(2)], dtype=np.int32)
        found.append(margin_loss(RULE, compile_model(description, tensors), images, labels))
    assert abs(found[0] - found[1]) < max(found) >> 16
