# SPDX-License-Identifier: Apache-2.0
"""Rules: documents, screening, every rule's bounds and ties."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medquorum.core.inference import AccuracyCounts
from medquorum.core.model import pack, parse
from medquorum.core.rules import Candidate, Reason, judge, parse_rule, screen, squared_distance
from medquorum.core.rules.minima import least_counts
from medquorum.errors import ContractError
from medquorum_testing.inference.tiny_models import TINY, random_tensors


def count_correct(*per_class, each=100):
    return AccuracyCounts(sum(per_class), per_class, (each,) * len(per_class))


BASE = count_correct(50, 50)


def only(rule, base=BASE, **fields):
    (verdict,) = judge(parse_rule(rule), base, [Candidate("H", **fields)])
    return verdict


@pytest.mark.parametrize(
    "document",
    [
        {"name": "strict"},
        {"name": "slack", "slack": 5},
        {"name": "floor", "slack": 5, "floor": 150},
        {"name": "floor", "slack": 5, "floor": 150, "floor_on": "r", "norm": 3000},
        {"name": "threshold", "threshold": 700},
        {"name": "prefix", "slack": 5},
        {"name": "none", "norm": 1},
    ],
)
def test_documents(document):
    rule = parse_rule(document)
    assert rule.model_dump(exclude_unset=True) == document
    expected = {"threshold": ("own",), "none": (), "floor": ("mixed", "own")[: 1 + ("floor_on" in document)]}
    assert rule.subjects == expected.get(document["name"], ("mixed",))
    assert rule.over_round == (document["name"] == "prefix")


@pytest.mark.parametrize(
    "document",
    [
        {},
        [],
        None,
        "strict",
        {"name": "median"},
        {"name": "strict", "slack": 1},
        {"name": "slack"},
        {"name": "slack", "slack": -1},
        {"name": "slack", "slack": 1001},
        {"name": "weighted", "weights": [1, 2]},
        {"name": "weighted", "slack": 0, "weights": [1]},
        {"name": "weighted", "slack": 0, "weights": [0, 0]},
        {"name": "weighted", "slack": 0, "weights": [-1, 1]},
        {"name": "weighted", "slack": 0, "weights": [1, 1 << 33]},
        {"name": "slack", "slack": "5"},
        {"name": "slack", "slack": True},
        {"name": "floor", "slack": 1},
        {"name": "floor", "slack": 1, "floor": 1, "floor_on": "w"},
        {"name": "threshold", "threshold": None},
        {"name": "strict", "norm": 0},
    ],
)
def test_wrong_documents_are_refused(document):
    with pytest.raises(ContractError) as refused:
        parse_rule(document)
    assert refused.value.code == "BAD_RULE"
    assert refused.value.remedy


def test_floats_are_refused():
    with pytest.raises(ContractError, match="BAD_JSON"):
        parse_rule({"name": "slack", "slack": 0.5})


@pytest.mark.parametrize(("found", "accepted"), [((50, 51), True), ((50, 50), False), ((50, 49), False)])
def test_strict(found, accepted):
    verdict = only({"name": "strict"}, mixed=count_correct(*found))
    assert verdict.accepted is accepted
    assert verdict.reason is (None if accepted else Reason.RULE)
    assert verdict.quality == sum(found) - 100
    assert verdict.counts == {"total": 200, "base": 100, "mixed": sum(found)}


@pytest.mark.parametrize(("found", "accepted"), [((50, 49), True), ((49, 49), False), ((50, 50), True)])
def test_slack_of_one_percent_of_two_hundred_is_less_than_two(found, accepted):
    assert only({"name": "slack", "slack": 10}, mixed=count_correct(*found)).accepted is accepted


@given(st.integers(0, 200))
def test_slack_zero_is_strict(found):
    candidate = count_correct(found // 2, found - found // 2)
    assert only({"name": "slack", "slack": 0}, mixed=candidate) == only({"name": "strict"}, mixed=candidate)


@pytest.mark.parametrize(
    ("found", "reason"), [((35, 90), None), ((34, 91), Reason.FLOOR), ((50, 40), Reason.RULE), ((0, 99), Reason.RULE)]
)
def test_floor_on_p(found, reason):
    verdict = only({"name": "floor", "slack": 5, "floor": 150}, mixed=count_correct(*found))
    assert verdict.reason is reason


def test_floor_on_r():
    rule = {"name": "floor", "slack": 5, "floor": 150, "floor_on": "r"}
    assert only(rule, mixed=count_correct(0, 101), own=count_correct(35, 35)).accepted
    verdict = only(rule, mixed=count_correct(60, 60), own=count_correct(100, 34))
    assert verdict.reason is Reason.FLOOR
    assert verdict.counts["own"] == 134


@pytest.mark.parametrize(("found", "reason"), [((90, 5), None), ((95, 4), Reason.FLOOR)])
def test_floor_wants_every_class_recognised_even_if_w_does_not(found, reason):
    """From random weights, training on random labels still beats w: no class of w's is there to fall below."""
    verdict = only(
        {"name": "floor", "slack": 5, "floor": 150, "least": 50},
        AccuracyCounts(20, (20, 0), (100, 100)),
        mixed=count_correct(*found),
    )
    assert verdict.reason is reason


def test_floor_ignores_a_class_without_images():
    base = AccuracyCounts(50, (50, 0), (100, 0))
    rule = {"name": "floor", "slack": 0, "floor": 0, "least": 9}
    assert only(rule, base, mixed=AccuracyCounts(51, (51, 0), (100, 0))).accepted


@pytest.mark.parametrize(("found", "accepted"), [((70, 70), True), ((70, 69), False)])
def test_threshold_is_inclusive(found, accepted):
    verdict = only({"name": "threshold", "threshold": 700}, own=count_correct(*found))
    assert verdict.accepted is accepted
    assert verdict.quality is None


def test_none_accepts_what_was_not_evaluated():
    assert only({"name": "none"}).accepted
    assert only({"name": "none"}, problem=Reason.RANGE).reason is Reason.RANGE


@pytest.mark.parametrize("problem", [Reason.MALFORMED, Reason.RANGE, Reason.DUPLICATE])
@pytest.mark.parametrize("name", ["strict", "none"])
def test_a_problem_comes_before_rule_and_norm(problem, name):
    verdict = only({"name": name, "norm": 1}, problem=problem)
    assert not verdict.accepted
    assert verdict.reason is problem


def test_norm_is_exact_and_inclusive():
    rule = {"name": "none", "norm": 5000}
    limit = (5 << 16) ** 2
    assert only(rule, distance=limit).accepted
    assert only(rule, distance=limit + 1).reason is Reason.NORM
    with pytest.raises(ContractError, match="NOT_READY"):
        only(rule)


@pytest.mark.parametrize("name", ["strict", "slack", "floor", "threshold", "prefix"])
def test_what_was_not_evaluated_is_not_ready(name):
    extra = {
        "slack": {"slack": 0},
        "floor": {"slack": 0, "floor": 0},
        "threshold": {"threshold": 0},
        "prefix": {"slack": 0},
    }
    with pytest.raises(ContractError, match="NOT_READY"):
        only({"name": name, **extra.get(name, {})})


class Aggregates:
    """Merits of prefixes by their length; remembers what was asked."""

    def __init__(self, *correct):
        self.correct = correct
        self.asked = []

    def __call__(self, names):
        self.asked.append(names)
        return count_correct(self.correct[len(names) - 1], 0, each=100)


def judged(aggregates, *found, slack=0, minimum=1, problems=None):
    candidates = [
        Candidate(name, (problems or {}).get(name), mixed=count_correct(count, 0))
        for name, count in zip("DCBA", found, strict=False)
    ]
    rule = parse_rule({"name": "prefix", "slack": slack})
    return judge(rule, BASE, candidates, aggregate_counts=aggregates, minimum=minimum)


def accepted(verdicts):
    return {verdict.name for verdict in verdicts if verdict.accepted}


def test_prefix_takes_the_best_prefix():
    aggregates = Aggregates(101, 105, 104, 90)
    verdicts = judged(aggregates, 70, 90, 80, 60)
    assert aggregates.asked == [("C",), ("C", "B"), ("C", "B", "D"), ("C", "B", "D", "A")]
    assert accepted(verdicts) == {"B", "C"}
    assert [verdict.name for verdict in verdicts] == list("DCBA")
    assert [verdict.counts["aggregate"] for verdict in verdicts] == [104, 101, 105, 90]
    assert {verdict.reason for verdict in verdicts if not verdict.accepted} == {Reason.RULE}


def test_prefix_orders_equal_counts_by_name_and_prefers_the_longest_of_equal_prefixes():
    aggregates = Aggregates(105, 103, 105, 104)
    verdicts = judged(aggregates, 70, 70, 70, 70)
    assert aggregates.asked[-1] == ("A", "B", "C", "D")
    assert accepted(verdicts) == {"A", "B", "C"}


def test_prefix_must_be_better_than_the_base_minus_slack():
    assert accepted(judged(Aggregates(100, 99), 60, 60)) == set()
    assert accepted(judged(Aggregates(100, 99), 60, 60, slack=5)) == {"C"}
    assert accepted(judged(Aggregates(99, 98), 60, 60, slack=5)) == set()


def test_prefix_respects_the_minimum():
    assert accepted(judged(Aggregates(110, 105, 106, 90), 1, 2, 3, 4, minimum=3)) == {"A", "B", "C"}
    assert accepted(judged(Aggregates(110, 105), 1, 2, minimum=3)) == set()
    assert judged(Aggregates()) == []


def test_prefix_leaves_refused_candidates_out():
    aggregates = Aggregates(101, 102)
    verdicts = judged(aggregates, 70, 90, 80, problems={"C": Reason.RANGE})
    assert aggregates.asked == [("B",), ("B", "D")]
    assert accepted(verdicts) == {"B", "D"}
    assert verdicts[1].reason is Reason.RANGE


def test_screen():
    description = parse(TINY["dense"])
    tensors = random_tensors(description, np.random.default_rng(0))
    raw = pack(description, tensors)
    found, problem, digest = screen(description, raw)
    assert problem is None
    np.testing.assert_array_equal(found["a.weight"], tensors["a.weight"])
    assert screen(description, raw, {digest})[1] is Reason.DUPLICATE
    for wrong in (raw[:-1], raw + b"\0", b""):
        assert screen(description, wrong)[:2] == (None, Reason.MALFORMED)
    tensors["a.weight"][0, 0] = 8 << 16
    wild = pack(description, tensors)
    assert screen(description, wild, {screen(description, wild)[2]})[1] is Reason.RANGE


@given(seed=st.integers(0, 2**32 - 1))
def test_squared_distance_is_exact(seed):
    rng = np.random.default_rng(seed)
    description = parse(TINY["dense"])
    base, update = (random_tensors(description, rng, extreme=True) for _ in range(2))
    mixed = [name for name in base if not name.endswith((".mean", ".scale"))]
    expected = sum(
        (r - w) ** 2
        for name in mixed
        for w, r in zip(base[name].ravel().tolist(), update[name].ravel().tolist(), strict=True)
    )
    assert squared_distance(description, base, update) == expected


@pytest.mark.parametrize(
    ("slack", "counts", "accepted"),
    [
        (0, (49, 51), True),
        (0, (50, 50), False),
        (0, (60, 49), False),
        (0, (61, 49), True),
        (100, (50, 41), True),
        (100, (50, 39), False),
    ],
)
def test_weighted_counts_classes_by_their_weights(slack, counts, accepted):
    rule = {"name": "weighted", "slack": slack, "weights": [1, 10]}
    verdict = only(rule, mixed=count_correct(*counts))
    assert (verdict.accepted, verdict.reason) == (accepted, None if accepted else Reason.RULE)


def test_weighted_has_no_least_counts():
    with pytest.raises(ContractError, match="no least counts"):
        least_counts(parse_rule({"name": "weighted", "slack": 0, "weights": [1, 1]}), BASE)
