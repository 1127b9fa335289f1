# SPDX-License-Identifier: Apache-2.0
"""Sessions for the rule ``direction``: the plain rule's levels; a level or weight of one party's own is found."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from medquorum.core.combination import Combination
from medquorum.core.fixedpoint import IntArray
from medquorum.core.inference import compile_scaled
from medquorum.core.model import catalogue, layout
from medquorum.core.rules import MEMBERS, RootUpdate, margin_loss, parse_rule
from medquorum.core.rules.direction.weights import WEIGHT_BITS
from medquorum.errors import ProtocolError
from medquorum.verifier.model.parameters import tensors
from medquorum.verifier.offline.direction_steps import ChoiceStep
from medquorum.verifier.session.direction import ChoiceSession, LevelsSession
from medquorum.verifier.session.session import OpenedResult
from medquorum_testing.encrypted.direction_steps import StepRig
from medquorum_testing.encrypted.engine_models import case
from medquorum_testing.encrypted.hidden_updates import flat
from medquorum_testing.encrypted.lying_session import BIT, COUNTS, TAGS, lying

CASE = case(catalogue.mlp((1, 8, 8), 4, hidden=4), 10)
RULE = parse_rule({"name": "direction", "members": MEMBERS})
BASE = flat(CASE.description, CASE.base)
NAMES = ("H1", "H2", "H3")
WEIGHTS = (("H1", 44), ("H2", 43), ("H3", 41))


def updates(seed: int = 1) -> tuple[dict[str, IntArray], IntArray]:
    """Return three updates, of which the last turns away, and the root."""
    rng = np.random.default_rng(seed)
    step = rng.normal(size=BASE.size) * 900

    def towards(share: float) -> IntArray:
        result: IntArray = BASE + np.rint(step * share + rng.normal(size=BASE.size) * 300).astype(np.int64)
        return result

    return dict(zip(NAMES, map(towards, (1.0, 0.7, -0.8)), strict=True)), towards(1.0)


@pytest.fixture
def rig(tmp_path: Path) -> StepRig:
    return StepRig(tmp_path, CASE, RULE, *updates())


def by_name(vector: IntArray) -> dict[str, IntArray]:
    return tensors(vector, layout(CASE.description))


def opened(found: list[object]) -> OpenedResult:
    first, second = found
    assert isinstance(first, OpenedResult) and first == second
    return first


def test_levels_losses_and_choice_are_the_plain_rules(rig: StepRig) -> None:
    vectors, root = updates()
    plain = RootUpdate(CASE.description, CASE.base, by_name(root))
    level = opened(rig.root()).counts[0]
    for name in NAMES:
        assert opened(rig.levels(name, level)).counts == plain.levels(by_name(vectors[name]))
    combination = Combination(CASE.description, CASE.base, dict(WEIGHTS))
    for name in NAMES:
        combination.add(name, by_name(vectors[name]))
    wanted = margin_loss(
        RULE, compile_scaled(CASE.description, combination.scaled, WEIGHT_BITS), CASE.images, CASE.labels
    )
    first, second = rig.losses(WEIGHTS)
    assert int(first[0] + second[0]) == wanted
    gains = (np.array([5, wanted + 7]) - first, -np.repeat(second, 2))
    for do, holds, places in (("gain", True, ()), ("last", True, (1,))):
        answer = opened(rig.choice(ChoiceStep(do=do, models=("a", "b"), share=1000 if places else 0), gains))
        assert (answer.holds, answer.counts) == (holds, places)


@pytest.mark.parametrize("place", [0, -1])
def test_nothing_is_opened_of_an_update_out_of_range(tmp_path: Path, place: int) -> None:
    vectors, root = updates()
    vectors["H1"][place] = 1 << 30
    rig = StepRig(tmp_path, CASE, RULE, vectors, root)
    found = opened(rig.levels("H1", 100))
    assert (found.holds, found.counts) == (False, ())


def test_a_level_that_one_party_alone_means_is_found(rig: StepRig) -> None:
    for error in rig.levels("H1", 100, 101):
        assert isinstance(error, ProtocolError) and "differ about step" in str(error)
    assert not rig.dealers["H1"].attempts


def test_a_weight_that_one_party_alone_shifts_is_found(rig: StepRig) -> None:
    for error in rig.losses(WEIGHTS, (("H1", 45), ("H2", 42), ("H3", 41))):
        assert isinstance(error, ProtocolError) and "differ about step" in str(error)


@pytest.mark.parametrize("liar", [0, 1])
@pytest.mark.parametrize(("place", "shift"), [(BIT, 1), (COUNTS, 1), (COUNTS, -1), (COUNTS, 1 << 31), (TAGS, 1)])
def test_a_level_that_one_party_shifts_at_its_opening_is_found(
    rig: StepRig, monkeypatch: pytest.MonkeyPatch, liar: int, place: int, shift: int
) -> None:
    lie = lying(liar, place, shift, LevelsSession)
    monkeypatch.setattr("medquorum_testing.encrypted.direction_steps.LevelsSession", lie)
    assert opened(rig.levels("H1", 100)).shifted
    monkeypatch.undo()
    assert opened(rig.levels("H1", 100)).shifted, "it is opened once"
    assert not opened(rig.levels("H2", 100)).shifted


@pytest.mark.parametrize("liar", [0, 1])
@pytest.mark.parametrize("place", [BIT, COUNTS])
def test_so_is_an_answer_about_gains(rig: StepRig, monkeypatch: pytest.MonkeyPatch, liar: int, place: int) -> None:
    monkeypatch.setattr(
        "medquorum_testing.encrypted.direction_steps.ChoiceSession", lying(liar, place, 1, ChoiceSession)
    )
    gains = (np.array([5, -7, 9]), np.array([0, 0, 0]))
    found = opened(rig.choice(ChoiceStep(do="last", models=("a", "b", "c"), share=1000), gains))
    assert found.shifted or not found.holds
    if place == BIT:
        assert opened(rig.choice(ChoiceStep(do="gain", models=("a", "b", "c")), gains)).shifted


def test_a_session_again_opens_the_same_and_asks_for_nothing(rig: StepRig) -> None:
    first = opened(rig.levels("H1", 100))
    assert opened(rig.levels("H1", 100)) == first
    assert rig.dealers["H1"].attempts == [1]
    before = rig.losses(WEIGHTS)
    assert all((one == other).all() for one, other in zip(before, rig.losses(WEIGHTS), strict=True))
