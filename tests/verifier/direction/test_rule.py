# SPDX-License-Identifier: Apache-2.0
"""A round of the rule direction on hidden updates: weights and model of the plain rule, and what is opened of it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medquorum.core.combination import Combination
from medquorum.core.inference import compile_model, compile_scaled
from medquorum.core.model import layout, parse
from medquorum.core.rules import Candidate, LossJudge, Reason, RootUpdate, judge_direction, margin_loss, parse_rule
from medquorum.core.rules.direction.levels import Levels
from medquorum.core.rules.direction.weights import WEIGHT_BITS
from medquorum.errors import ProtocolError
from medquorum.verifier.comparison.tree import Tree
from medquorum.verifier.direction.choice import any_gains, deal_any_gains, deal_last_with, last_with
from medquorum.verifier.direction.combination import MEMBERS, weighted_sum
from medquorum_testing.encrypted.hidden_updates import candidate_loss, flat, hide
from medquorum_testing.encrypted.two_parties import together
from medquorum_testing.inference.tiny_models import TINY, random_tensors

RULE = parse_rule({"name": "direction", "members": MEMBERS, "width": 800})


class HiddenJudge:
    """Judges candidates by shares of their losses; ``opened`` is all that anybody learns."""

    def __init__(self, loss, base):
        self.opened = []
        self._loss, self._base, self._known = loss, base, {}

    def _gains(self, candidates):
        for weights in candidates:
            if weights not in self._known:
                first, second = self._loss(dict(weights))
                self._known[weights] = self._base - int(first[0]), -int(second[0])
        wrapped = [[value % (1 << 64) for value in self._known[weights]] for weights in candidates]
        return np.array(wrapped, dtype=np.uint64).view(np.int64).T

    def any_gains(self, candidates):
        gains, count = self._gains(candidates), len(candidates)
        found = together(
            lambda dealer: deal_any_gains(dealer, Tree(), count),
            lambda party, randomness: any_gains(party, randomness, Tree(), gains[party.index]).numbers,
        )
        self.opened.append(bool((found[0][0] + found[1][0]) % 2))
        return self.opened[-1]

    def last_with(self, candidates, share):
        gains, count = self._gains(candidates), len(candidates)
        found = together(
            lambda dealer: deal_last_with(dealer, Tree(), count),
            lambda party, randomness: last_with(party, randomness, Tree(), gains[party.index], share).numbers,
        )
        self.opened.append(int(found[0][0] + found[1][0]))
        return self.opened[-1]


def federation(model, seed, hospitals, spread):
    """Return a description, base, root, updates, and images with labels that the root has learnt something of."""
    rng = np.random.default_rng(seed)
    description = parse(TINY[model])
    base = {name: values.astype(np.int64) for name, values in random_tensors(description, rng, scale=0.4).items()}
    target = {name: values.astype(np.int64) for name, values in random_tensors(description, rng, scale=0.4).items()}

    def towards(share):
        return {
            spec.name: np.clip(
                base[spec.name]
                + np.rint((target[spec.name] - base[spec.name]) * share + rng.normal(size=spec.shape) * spread),
                spec.kind.lowest,
                spec.kind.highest,
            ).astype(np.int64)
            for spec in layout(description)
        }

    updates = {f"H{number}": towards(share) for number, share in enumerate(rng.choice([0.3, 0.25, -0.3], hospitals))}
    channels, height, width = description.input
    shape = (9, height, width) if channels == 1 else (9, height, width, channels)
    images = rng.integers(0, 256, shape, dtype=np.uint8)
    labels = compile_model(description, target).predict(images).astype(np.int64)
    return description, base, towards(0.3), updates, (images, labels), rng


@pytest.mark.parametrize("model", ["dense", "residual"])
@given(seed=st.integers(0, 1 << 32), spread=st.sampled_from([100, 1500, 6000]), full=st.sampled_from([128, 256]))
@settings(max_examples=5)
def test_weights_and_model_are_the_plain_rules(model, seed, spread, full):
    description, base, root, updates, samples, rng = federation(model, seed, 6, spread)
    plain_root = RootUpdate(description, base, root)
    levels = {name: plain_root.levels(update) for name, update in updates.items()}
    candidates = [Candidate(name, None if found else Reason.NORM, levels=found) for name, found in levels.items()]
    hidden = {name: hide(flat(description, update), rng) for name, update in updates.items()}

    def scaled(weights):
        combination = Combination(description, base, weights)
        for name in combination.names:
            combination.add(name, updates[name])
        return combination

    def plain_loss(weights):
        if not weights:
            return margin_loss(RULE, compile_model(description, base), *samples)
        return margin_loss(RULE, compile_scaled(description, scaled(dict(weights)).scaled, WEIGHT_BITS), *samples)

    def hidden_loss(weights):
        return candidate_loss(description, RULE, base, hidden, weights, samples)

    judge = HiddenJudge(hidden_loss, plain_loss(()))
    wanted = judge_direction(RULE, candidates, full=full, judge=LossJudge(plain_loss), minimum=3)
    assert judge_direction(RULE, candidates, full=full, judge=judge, minimum=3) == wanted
    assert len(judge.opened) in (0, 3, 4)  # whether one gains and which length, whether one gains and which step
    weights = {verdict.name: verdict.weight or 0 for verdict in wanted}
    if any(weights.values()):
        opened = sum(
            weighted_sum(layout(description), weights, lambda name, part=part: part(hidden[name])) * sign
            for part, sign in ((lambda each: each.public, 1), (lambda each: each.masks.total, -1))
        )
        model = scaled(weights).scaled
        rest = (1 << WEIGHT_BITS) - sum(weights.values())
        mixed = {spec.name: rest if spec.kind.mixed else 0 for spec in layout(description)}
        assert (opened + flat(description, {n: base[n] * mixed[n] for n in base}) == flat(description, model)).all()


@pytest.mark.parametrize(
    "weights", [{}, {"A": 128}, {"A": 64, "B": 64}, {"A": 120, "B": 1, "C": 1}, {"A": 2, "B": 1, "C": 1}]
)
def test_a_sum_that_gives_an_update_away_is_not_made(weights):
    vectors = {name: np.arange(3) for name in "ABC"}
    with pytest.raises(ProtocolError, match="give one of them away"):
        weighted_sum((), weights, vectors.__getitem__)


def test_candidates_that_give_an_update_away_are_not_tried():
    asked = []

    def loss(weights):
        asked.append(dict(weights))
        return 1000 - sum(asked[-1].values())

    levels = {"A": Levels(40, 25), "B": Levels(40, 24), "C": Levels(40, 23), "D": Levels(40, 19)}
    found = [Candidate(name, levels=each) for name, each in levels.items()]
    judge_direction(RULE, found, full=128, judge=LossJudge(loss), minimum=2)
    assert {len(weights) for weights in asked[1:]} == {3, 4}
    assert all(1000 * sum(w.values()) ** 2 >= MEMBERS * sum(v * v for v in w.values()) for w in asked[1:])
    assert all(v.weight == 0 for v in judge_direction(RULE, found[:2], full=128, judge=LossJudge(loss)))
