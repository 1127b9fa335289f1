# SPDX-License-Identifier: Apache-2.0
"""Published defences, against cases computed by hand and what holds for any steps."""

from collections.abc import Callable

import numpy as np
import pytest

from medquorum_federation.baselines.averages import mean, median, trimmed_mean
from medquorum_federation.baselines.combined import Combined, Floats
from medquorum_federation.baselines.geometric import centred_clipping, rfa
from medquorum_federation.baselines.krum import bulyan, krum, multi_krum
from medquorum_federation.baselines.similarity import flame, foolsgold
from medquorum_federation.baselines.spectral import dnc
from medquorum_federation.baselines.trusted import fltrust, zeno

GOAL = np.array([1.0, 2.0, -1.0, 0.5])
NEAR = GOAL + np.random.default_rng(0).normal(scale=0.1, size=(7, 4))
FAR = np.concatenate([NEAR, np.full((3, 4), -20.0)])


def loss(step: Floats) -> float:
    return float(((step - GOAL) ** 2).sum())


DEFENCES: dict[str, Callable[[Floats], Combined]] = {
    "mean": mean,
    "median": median,
    "trimmed mean": lambda steps: trimmed_mean(steps, 3),
    "krum": lambda steps: krum(steps, 3),
    "multi-krum": lambda steps: multi_krum(steps, 3),
    "bulyan": lambda steps: bulyan(steps, 3),
    "rfa": rfa,
    "centred clipping": lambda steps: centred_clipping(steps, np.median(steps, axis=0)),
    "fltrust": lambda steps: fltrust(steps, GOAL),
    "zeno": lambda steps: zeno(steps, 3, loss),
    "dnc": lambda steps: dnc(steps, 3, np.random.default_rng(1)),
    "flame": lambda steps: flame(steps, np.random.default_rng(1)),
    "foolsgold": lambda steps: foolsgold(steps, steps),
}
ROBUST = sorted(set(DEFENCES) - {"mean", "foolsgold"})


@pytest.mark.parametrize("name", sorted(DEFENCES))
def test_who_sends_which_step_does_not_matter(name: str) -> None:
    order = np.random.default_rng(4).permutation(len(FAR))
    assert np.allclose(DEFENCES[name](FAR[order]).step, DEFENCES[name](FAR).step, atol=1e-9)


@pytest.mark.parametrize("name", sorted(set(DEFENCES) - {"foolsgold"}))
def test_equal_steps_stay_what_they_are(name: str) -> None:
    step = DEFENCES[name](np.repeat(GOAL[np.newaxis], 10, axis=0)).step
    assert np.allclose(step, GOAL, atol=0.02 if name == "flame" else 1e-9)


@pytest.mark.parametrize("name", ROBUST)
def test_three_far_away_do_not_drag_it_along(name: str) -> None:
    assert np.linalg.norm(DEFENCES[name](FAR).step - GOAL) < 1
    assert np.linalg.norm(mean(FAR).step - GOAL) > 10


@pytest.mark.parametrize("name", sorted(DEFENCES))
def test_weights_are_a_share_of_the_mean(name: str) -> None:
    weights = DEFENCES[name](FAR).weights
    if weights is not None:
        assert weights.min() >= 0
        assert weights.sum() == pytest.approx(1)


def test_the_median_and_the_trimmed_mean_by_hand() -> None:
    steps = np.array([[0.0, 9.0], [1.0, 1.0], [2.0, 5.0], [3.0, 0.0], [100.0, 4.0]])
    assert median(steps).step.tolist() == [2, 4]
    assert trimmed_mean(steps, 1).step == pytest.approx([2, 10 / 3])
    assert trimmed_mean(steps, 4).step.tolist() == median(steps).step.tolist()


def test_krum_by_hand() -> None:
    # With one attacker of five each looks at its two nearest: 0: 1+4, 1: 1+1, 2: 1+4, 6: 16+25, 50: far.
    steps = np.array([[0.0], [1.0], [2.0], [6.0], [50.0]])
    assert krum(steps, 1).step.tolist() == [1]
    assert multi_krum(steps, 2).step.tolist() == [1]
    assert multi_krum(steps, 1).step.tolist() == [2.25]


def test_bulyan_by_hand() -> None:
    # Of seven with one attacker five are chosen, all but 90 and 7; their median is 2, the three nearest 1, 2, 3.
    steps = np.array([[0.0], [1.0], [2.0], [3.0], [4.0], [7.0], [90.0]])
    assert bulyan(steps, 1).step.tolist() == [2]


def test_the_geometric_median_of_a_triangle() -> None:
    # Fermat's point of an equilateral triangle is its centre; of points on a line it is the median.
    triangle = np.array([[0.0, 0.0], [2.0, 0.0], [1.0, np.sqrt(3)]])
    assert rfa(triangle).step == pytest.approx([1, 1 / np.sqrt(3)])
    assert rfa(np.array([[0.0], [1.0], [50.0]])).step[0] == pytest.approx(1, abs=0.2)


def test_clipping_by_hand() -> None:
    # One iteration from 0 with radius 1 would give (1 + 1) / 2; ten of them end where both pulls are equal.
    assert centred_clipping(np.array([[1.0], [3.0]]), np.zeros(1), 10.0).step == pytest.approx([2])


def test_fltrust_by_hand() -> None:
    # Cosines 1, 0.6, -1; all brought to the root's length 2.
    steps = np.array([[4.0, 0.0], [3.0, 4.0], [-1.0, 0.0]])
    combined = fltrust(steps, np.array([2.0, 0.0]))
    assert combined.step == pytest.approx([(2 + 0.6 * 1.2) / 1.6, 0.6 * 1.6 / 1.6])
    assert combined.weights == pytest.approx([0.625, 0.375, 0])


def test_zeno_drops_who_lowers_the_loss_least() -> None:
    assert np.allclose(zeno(FAR, 3, loss).step, NEAR.mean(axis=0))


def test_foolsgold_forgives_the_unlike_and_punishes_the_alike() -> None:
    # Three hospitals at right angles keep their weight, two that always say the same lose theirs.
    steps = np.concatenate([np.eye(4)[:3], np.eye(4)[3:], np.eye(4)[3:]])
    assert foolsgold(steps, steps).weights == pytest.approx([1 / 3, 1 / 3, 1 / 3, 0, 0])
    assert not foolsgold(np.ones((3, 2)), np.ones((3, 2))).step.any()


def test_flame_clips_to_the_median_length() -> None:
    steps = np.concatenate([NEAR, 100 * NEAR[:3]])
    assert np.linalg.norm(flame(steps, np.random.default_rng(0)).step) < 2 * np.linalg.norm(GOAL)
