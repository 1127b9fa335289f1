# SPDX-License-Identifier: Apache-2.0
"""The drops of the rule ``direction``: who gets no weight because the mean is better without it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medquorum.core.rules import LossJudge, parse_rule
from medquorum.core.rules.direction.drops import undropped
from medquorum.core.rules.direction.levels import Levels
from medquorum.core.rules.direction.search import choose
from medquorum.errors import ContractError

NAMES = "ABCDEFGHIJ"


def rule(drops, keep=990):
    return parse_rule({"name": "direction", "drops": drops, "keep": keep})


def additive(harms, whole=10_000):
    """Return a loss of a mean: what each adds, 100 thousandths at most."""
    return lambda names: whole + sum(harms.get(name, 0) for name in names)


def test_tasks_of_before_look_at_none():
    assert parse_rule({"name": "direction"}).drops == 0
    asked = []
    assert undropped(rule(0), NAMES, lambda names: asked.append(names)) == list(NAMES)
    assert not asked


def test_those_without_whom_the_loss_falls_get_no_weight():
    assert undropped(rule(4), NAMES, additive({"C": 900, "E": 800, "H": 700})) == list("ABDFGIJ")
    assert undropped(rule(2), NAMES, additive({"C": 900, "E": 800, "H": 700})) == list("ABDFGHIJ")


def test_the_bound_is_that_of_the_loss_with_the_update():
    # 10,000 with it: 9,900 is 990 thousandths, which is not below.
    assert undropped(rule(4), NAMES, additive({"C": 100}, 9_900)) == list(NAMES)
    assert undropped(rule(4), NAMES, additive({"C": 101}, 9_899)) == list("ABDEFGHIJ")
    assert undropped(rule(4, 0), NAMES, additive({"C": 9_000})) == list(NAMES)


def test_the_fewest_are_dropped_that_come_near_the_best():
    # Without C 10,100; without D too 10,000, within a hundredth: D stays.
    assert undropped(rule(4), NAMES, additive({"C": 900, "D": 100})) == list("ABDEFGHIJ")


def test_more_than_half_stay():
    harms = {name: 1_000 for name in "ABCDEFGH"}
    assert undropped(rule(9), NAMES, additive(harms)) == list("EFGHIJ")
    assert undropped(rule(9), "AB", additive(harms)) == ["A", "B"]
    assert undropped(rule(9), "", additive(harms)) == []


def test_means_that_may_not_be_tried_are_passed_over():
    loss = additive({"C": 900, "E": 800})
    assert undropped(rule(4), NAMES, lambda names: loss(names) if "C" in names else None) == list("ABCDFGHIJ")
    assert undropped(rule(4), NAMES, lambda names: None) == list(NAMES)


def test_colluders_who_point_best_have_no_weight():
    """Three who raise the loss of each prefix a little, which the search alone takes for its width."""
    levels = {name: Levels(40, 22 if name in "ABC" else 20) for name in NAMES}

    def loss(weights):
        return 100_000 - sum(weight * (-150 if name in "ABC" else 250) for name, weight in weights)

    without = choose(parse_rule({"name": "direction"}), levels, 128, 1, LossJudge(loss))
    assert any(without[name] for name in "ABC")
    chosen = choose(rule(4), levels, 128, 1, LossJudge(loss))
    assert {name for name, weight in chosen.items() if not weight} == set("ABC")


def test_hidden_losses_are_not_compared():
    class Hidden:
        def any_gains(self, candidates):
            return True

        def last_with(self, candidates, share):
            return 0

    with pytest.raises(ContractError, match="drops"):
        choose(rule(1), {"A": Levels(40, 20)}, 128, 1, Hidden())


@given(
    losses=st.lists(st.integers(0, 1000), min_size=60, max_size=60),
    count=st.integers(0, 30),
    drops=st.integers(0, 20),
    minimum=st.integers(1, 12),
)
@settings(max_examples=100)
def test_models_are_bounded_and_enough_stay(losses, count, drops, minimum):
    levels = {f"H{place:02}": Levels(40 + place % 3, 10 + place % 7) for place in range(count)}
    asked = []

    def loss(weights):
        asked.append(weights)
        return losses[len(asked) % len(losses)]

    chosen = choose(rule(drops), levels, 128, minimum, LossJudge(loss))
    assert chosen.keys() == levels.keys()
    most = min(drops, max(0, (count - 1) // 2))
    assert len(asked) <= 9 + (count + most - 1 if most else 0)
    assert all(len(weights) >= minimum for weights in asked if weights)
    assert len(set(asked)) == len(asked)
