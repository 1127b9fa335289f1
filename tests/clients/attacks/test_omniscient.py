# SPDX-License-Identifier: Apache-2.0
"""Attacks that know the honest steps, against hand-computed cases and what their papers promise."""

from collections.abc import Callable
from dataclasses import replace
from statistics import NormalDist

import numpy as np
import pytest

from medquorum.clients.attacks.behaviour import Adversary
from medquorum.clients.attacks.catalogue import OMNISCIENT, Attack, attack_named
from medquorum.clients.attacks.occasion import Occasion
from medquorum.clients.attacks.omniscient import against_root, distances, fang, statistics
from medquorum.clients.attacks.omniscient.adaptive import PARTS, adaptive, adaptive_hidden, within_gate
from medquorum.clients.attacks.omniscient.knowledge import Floats, Knowledge
from medquorum.clients.attacks.omniscient.mimic import mimic
from medquorum.clients.data.images import Images
from medquorum.errors import ConfigError

RANDOM = np.random.default_rng(5)
ROOT = RANDOM.normal(size=60)
HONEST = 1000 * (0.5 * ROOT + RANDOM.normal(size=(7, 60)))


def pairs(steps: Floats) -> Floats:
    distances_: Floats = ((steps[:, np.newaxis] - steps) ** 2).sum(axis=2)
    return distances_


def test_alie_leaves_room_for_a_majority() -> None:
    # Of 50 workers 24 attack: s = 2, z = Φ⁻¹(24/26), the paper's example.
    assert statistics.alie_factor(50, 24) == pytest.approx(NormalDist().inv_cdf(24 / 26))
    assert statistics.alie_factor(10, 6) == statistics.MOST
    step = statistics.alie(np.array([[0.0, 2.0], [2.0, 2.0], [4.0, 2.0]]), 2)
    assert step[0] < 2
    assert step[1] == 2


def test_ipm_points_against_the_mean_and_its_optimum_is_the_worst() -> None:
    assert statistics.ipm(np.array([[1.0, 3.0], [3.0, 1.0]]), 0.5).tolist() == [-1, -1]
    mean = statistics.ipm_optimal(HONEST, 3, lambda steps: steps.mean(axis=0))
    assert np.allclose(mean, -max(statistics.FACTORS) * HONEST.mean(axis=0))


def test_distances_are_those_of_each_pair() -> None:
    assert np.allclose(distances.squared_distances(HONEST), pairs(HONEST))
    # Of 0, 1, 2, 10 with one attacker each looks at its nearest: 1, 1, 1, 64.
    assert distances.krum_scores(np.array([[0.0], [1.0], [2.0], [10.0]]), 1).tolist() == [1, 1, 1, 64]


def test_min_max_goes_exactly_as_far_as_honest_ones_are_apart() -> None:
    furthest = ((distances.min_max(HONEST) - HONEST) ** 2).sum(axis=1).max()
    assert furthest == pytest.approx(pairs(HONEST).max())


def test_min_sum_goes_exactly_as_far_as_the_sums_allow() -> None:
    assert ((distances.min_sum(HONEST) - HONEST) ** 2).sum() == pytest.approx(pairs(HONEST).sum(axis=1).max())


@pytest.mark.parametrize("attack", [distances.min_max, distances.min_sum])
def test_like_steps_leave_no_room(attack: object) -> None:
    same = np.ones((3, 4))
    assert callable(attack)
    assert attack(same).tolist() == [1, 1, 1, 1]


def test_krum_chooses_what_fang_sends() -> None:
    sent = fang.fang_krum(HONEST, 3)
    everyone = np.concatenate([HONEST, np.repeat(sent[np.newaxis], 3, axis=0)])
    assert distances.krum_scores(everyone, 3).argmin() >= len(HONEST)
    assert sent @ HONEST.mean(axis=0) < 0


def test_fang_trim_lies_beyond_all_honest_models() -> None:
    base = RANDOM.normal(size=60)
    models, sent = base + HONEST, base + fang.fang_trim(HONEST, base, np.random.default_rng(0))
    up = HONEST.mean(axis=0) < 0
    assert (sent[up] >= models.max(axis=0)[up]).all()
    assert (sent[~up] <= models.min(axis=0)[~up]).all()


def test_mimic_copies_the_most_unlike() -> None:
    steps = np.array([[0.0, 0.0], [0.1, 0.0], [-0.1, 0.1], [5.0, 0.0]])
    assert mimic(steps).tolist() == [5, 0]


def test_the_attack_on_fltrust_is_worse_than_any_single_direction() -> None:
    def moved(steps: Floats) -> float:
        trust = np.maximum(against_root.cosines(steps, ROOT), 0)
        units = steps / np.linalg.norm(steps, axis=1, keepdims=True)
        return float(sign @ (trust @ units) / trust.sum())

    trusted = np.maximum(against_root.cosines(HONEST, ROOT), 0)
    sign = np.sign(trusted @ (HONEST / np.linalg.norm(HONEST, axis=1, keepdims=True)))
    sent = against_root.fltrust_adaptive(HONEST, 3, ROOT)
    assert np.linalg.norm(sent) == pytest.approx(np.linalg.norm(ROOT))
    worst = moved(np.concatenate([HONEST, np.repeat(sent[np.newaxis], 3, axis=0)]))
    for other in np.random.default_rng(2).normal(size=(200, 60)):
        assert worst <= moved(np.concatenate([HONEST, np.repeat(other[np.newaxis], 3, axis=0)]))


def test_the_first_in_order_leads_and_turns_back() -> None:
    sent = against_root.first_in_order(HONEST, ROOT)
    mine = against_root.cosines(sent[np.newaxis], ROOT)[0]
    assert mine > against_root.cosines(HONEST, ROOT).max()
    unit = ROOT / np.linalg.norm(ROOT)
    across = sent - (sent @ unit) * unit
    assert across @ HONEST.mean(axis=0) < 0


def test_the_bar_is_raised_by_the_root_itself() -> None:
    sent = against_root.raise_the_bar(HONEST, ROOT)
    assert against_root.cosines(sent[np.newaxis], ROOT)[0] == pytest.approx(1)
    assert np.linalg.norm(sent) == pytest.approx(np.median(np.linalg.norm(HONEST, axis=1)))


def test_within_the_gate_nothing_changes_but_the_length() -> None:
    step = 3 * ROOT + 0.1
    assert np.allclose(within_gate(step, ROOT, 0.5, 2.0), 2 * step / np.linalg.norm(step))
    turned = within_gate(-step, ROOT, 0.5, 2.0)
    assert against_root.cosines(turned[np.newaxis], ROOT)[0] == pytest.approx(0.5)
    assert np.linalg.norm(turned) == pytest.approx(2)


def test_the_adaptive_attack_passes_the_gate_and_lowers_its_loss() -> None:
    goal = 100_000 * np.random.default_rng(9).normal(size=60)

    def gradient(step: Floats, images: Images) -> Floats:
        slope: Floats = step - goal
        return slope

    known = Knowledge(HONEST, 3, ROOT, 0.5, gradient)
    sent = adaptive(known, IMAGES)
    cosines = against_root.cosines(HONEST, ROOT)
    assert against_root.cosines(sent[np.newaxis], ROOT)[0] >= np.median(cosines)
    length = float(np.median(np.linalg.norm(HONEST, axis=1)))
    harmless = within_gate(HONEST.mean(axis=0), ROOT, float(np.median(cosines)), length)
    assert np.linalg.norm(sent) == pytest.approx(length)
    assert np.linalg.norm(sent - goal) < np.linalg.norm(harmless - goal)


def test_the_hidden_attack_goes_as_far_as_the_defence_lets_it() -> None:
    known_, mean = known(), HONEST.mean(axis=0)
    way = adaptive(known_, IMAGES) - mean

    def bounded(most: float) -> Callable[[Floats], Floats]:
        """Return the mean of those that are not further along the way."""

        def aggregate(steps: Floats) -> Floats:
            along = (steps - mean) @ way / (way @ way)
            return np.asarray(steps[along <= most].mean(axis=0))

        return aggregate

    for most, part in ((2.0, max(PARTS)), (0.6, 0.5), (0.36, 0.35)):
        assert np.allclose(adaptive_hidden(known_, IMAGES, bounded(most)), mean + part * way)


IMAGES = Images(np.full((6, 1, 14, 14), 9, np.uint8), np.arange(6, dtype=np.int64) % 3)
BASE = np.arange(60, dtype=np.int64)


def occasion() -> Occasion:
    random = np.random.default_rng(0)
    return Occasion(2, BASE, IMAGES, 3, random, lambda images: BASE, lambda: None, lambda: None)


def known() -> Knowledge:
    return Knowledge(HONEST, 3, ROOT, 0.5, lambda step, images: step, lambda steps: steps.mean(axis=0))


@pytest.mark.parametrize("attack", OMNISCIENT)
def test_each_sends_an_update_that_differs_by_a_unit_from_its_accomplices(attack: Attack) -> None:
    seeing = replace(occasion(), known=known)
    first, second = Adversary(attack)(seeing), Adversary(attack)(seeing)
    assert first is not None
    assert second is not None
    assert first.dtype == np.int64
    assert not np.array_equal(first, second)
    if attack != "fang-trim":  # drawn anew by each
        assert np.abs(first - second).max() <= 2


@pytest.mark.parametrize("attack", OMNISCIENT)
def test_in_a_network_nobody_sees_that_much(attack: Attack) -> None:
    with pytest.raises(ConfigError, match=f"{attack} needs"):
        Adversary(attack)(occasion())
    with pytest.raises(ConfigError, match="shows nobody in time"):
        attack_named(attack)
