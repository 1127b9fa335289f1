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
from medquorum_testing.vectors import load_vector

NAMES = "ABCDEFGHIJ"


def rule(drops, **fields):
    return parse_rule({"name": "direction", "drops": drops, **fields})


def additive(harms, whole=10_000):
    """Return a loss of a mean: what each adds; the others a little, of either sign, as training's noise does."""
    noise = {name: (-1) ** place * place for place, name in enumerate(NAMES)}
    return lambda names: whole + sum(harms.get(name, noise[name]) for name in names)


def test_tasks_of_before_look_at_none():
    assert parse_rule({"name": "direction"}).drops == 0
    asked = []
    assert undropped(rule(0), NAMES, lambda names: asked.append(names)) == list(NAMES)
    assert not asked


def test_those_without_whom_the_loss_falls_get_no_weight():
    assert undropped(rule(4), NAMES, additive({"C": 900, "E": 800, "H": 700})) == list("ABDFGIJ")
    assert undropped(rule(2), NAMES, additive({"C": 900, "E": 800, "H": 700})) == list("ABDFGHIJ")


def test_what_noise_explains_drops_nobody_however_large_it_is():
    """As on small sets: without half of the honest the mean is clearly better, without the others as much worse."""
    large = {name: (-1) ** place * (1000 + place) for place, name in enumerate(NAMES)}
    assert undropped(rule(4), NAMES, additive(large)) == list(NAMES)


def test_a_small_harm_that_stands_out_is_seen():
    """Less than a thousandth of the loss, as where attackers keep it near its cap."""
    assert undropped(rule(4), NAMES, additive({"C": 90, "E": 80, "H": 70}, 1_000_000)) == list("ABDFGIJ")


def losses_without(harms):
    """Return a loss of means by what leaving each out takes from 10,000."""
    return lambda names: 10_000 - sum(harm for name, harm in zip(NAMES, harms, strict=False) if name not in names)


@pytest.mark.parametrize(
    ("harms", "left"),
    [  # the upper median of the losses without one is 10,000, their median distance 10: 35 is the bound
        ((36, 0, 0, 10, 10, -10, -10, -20, 20, 0), "BCDEFGHIJ"),
        ((35, 0, 0, 10, 10, -10, -10, -20, 20, 0), NAMES),
    ],
)
def test_the_bound_is_in_median_distances(harms, left):
    assert undropped(rule(4), NAMES, losses_without(harms)) == list(left)


@pytest.mark.parametrize("case", load_vector("direction")["drops"], ids=lambda case: f"{len(case['gains'])}")
def test_those_are_left_out_whom_the_vectors_say(case):
    names = [f"H{place:02}" for place in range(len(case["gains"]))]

    def loss(left):
        absent = [place for place, name in enumerate(names) if name not in left]
        pair = not {names[-2], names[-1]} & set(left)
        return case["whole"] - sum(case["gains"][place] for place in absent) - pair * case["together"]

    stay = undropped(rule(**case["rule"]), names, loss)
    assert [place for place, name in enumerate(names) if name not in stay] == case["left_out"]


def test_nobody_is_dropped_without_whom_the_loss_is_not_smaller():
    """B spoils the mean least, by far, but its absence makes it no better."""
    harms = (-900, 0, *[-901 - place for place in range(8)])
    assert undropped(rule(4), NAMES, losses_without(harms)) == list(NAMES)


def test_the_hidden_beside_the_outlying_go_where_that_helps_clearly():
    """B stands out, C does not, as where attackers hide each other; without both the loss is a quarter less."""

    def loss(names):
        alone = losses_without((0, 600, 100, 10, 10, -10, -10, -20, 20, 0))
        return 7_000 if not {"B", "C"} & set(names) else alone(names)

    spread = {"apart": 20_000}
    assert undropped(rule(4, **spread), NAMES, loss) == list("ADEFGHIJ")
    assert undropped(rule(4, **spread, keep=700), NAMES, loss) == list("ACDEFGHIJ")
    assert undropped(rule(1, **spread), NAMES, loss) == list("ACDEFGHIJ")


@pytest.mark.parametrize(("gain", "left"), [(1501, NAMES[1:]), (1500, NAMES)])  # 850 thousandths of 10,000
def test_a_large_fall_stands_out_by_itself(gain, left):
    """The others are as far apart as unlike hospitals are: their median distance is 900."""
    gains = (gain, 1000, 900, -1000, -900, 800, -800, 700, -700, 0)

    def loss(names):
        absent = [gains[place] for place, name in enumerate(NAMES) if name not in names]
        return 10_000 - (absent[0] if len(absent) == 1 else 0)

    assert undropped(rule(4), NAMES, loss) == list(left)


@pytest.mark.parametrize("attackers", [1, 2, 3, 4])
def test_a_minority_of_attackers_alike_is_dropped(attackers):
    harms = {name: 1_000 for name in NAMES[:attackers]}
    assert undropped(rule(9), NAMES, additive(harms)) == list(NAMES[attackers:])


def test_more_than_half_stay():
    assert undropped(rule(9), NAMES, additive({name: 1_000 for name in "ABCDEFGH"})) == list(NAMES)
    assert undropped(rule(9, apart=0), NAMES, additive({"H": 1_000, "J": 900})) == list("ABCDEF")
    assert undropped(rule(9), "ABC", additive({"C": 900})) == ["A", "B"]
    assert undropped(rule(9), "AB", additive({"A": 900})) == ["A", "B"]
    assert undropped(rule(9), "", additive({})) == []


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
    apart=st.integers(0, 5000),
)
@settings(max_examples=100)
def test_models_are_bounded_and_enough_stay(losses, count, drops, minimum, apart):
    levels = {f"H{place:02}": Levels(40 + place % 3, 10 + place % 7) for place in range(count)}
    asked = []

    def loss(weights):
        asked.append(weights)
        return losses[len(asked) % len(losses)]

    chosen = choose(rule(drops, apart=apart), levels, 128, minimum, LossJudge(loss))
    assert chosen.keys() == levels.keys()
    most = min(drops, max(0, (count - 1) // 2))
    assert len(asked) <= 9 + (count + most - 1 if most else 0)
    assert all(len(weights) >= minimum for weights in asked if weights)
    assert len(set(asked)) == len(asked)


@given(
    noise=st.lists(st.integers(-100, 100), min_size=3, max_size=20),
    harms=st.lists(st.integers(801, 2_000), max_size=19),
    whole=st.integers(100_000, 10**15),
)
@settings(max_examples=200)
def test_a_harmful_minority_goes(noise, harms, whole):
    """Further from the honest than eight times their noise, and fewer than they are."""
    harms = harms[: len(noise) - 1]
    adds = {f"H{place:02}": add for place, add in enumerate([*noise, *harms])}
    left = undropped(rule(100), sorted(adds), lambda names: whole + sum(adds[name] for name in names))
    assert all(adds[name] <= 100 for name in left)
    assert len(left) > len(adds) // 2


@given(
    harms=st.lists(st.integers(-1000, 1000), max_size=20),
    scale=st.integers(1, 10**6),
    offset=st.integers(0, 10**12),
)
@settings(max_examples=200)
def test_who_stands_out_does_not_depend_on_the_size_of_the_losses(harms, scale, offset):
    adds = {f"H{place:02}": add for place, add in enumerate(harms)}
    plain, other = (
        undropped(rule(4, keep=0), sorted(adds), lambda names, way=way: way(100_000 + sum(map(adds.get, names))))
        for way in (lambda loss: loss, lambda loss: scale * loss + offset)
    )
    assert plain == other
