# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from medquorum.clients.attacks import labels, updates
from medquorum.clients.attacks.behaviour import Adversary
from medquorum.clients.attacks.catalogue import Attack
from medquorum.clients.attacks.occasion import Occasion, Raw, honest
from medquorum.clients.data.images import Images
from medquorum.errors import ConfigError

BASE = np.array([100, -200, 300], np.int64)
TRAINED = np.array([110, -180, 330], np.int64)


class Trained:
    """Gives a fixed update and remembers the labels it was trained with."""

    def __init__(self) -> None:
        self.labels: list[int] = []

    def __call__(self, images: Images) -> Raw:
        self.labels = images.labels.tolist()
        return TRAINED


@pytest.fixture
def trained() -> Trained:
    return Trained()


@pytest.fixture
def occasion(trained: Trained) -> Occasion:
    images = Images(np.zeros((6, 1, 2, 2), np.uint8), np.arange(6) % 3)
    random = np.random.default_rng(0)
    return Occasion(2, BASE, images, 4, random, trained, lambda: None, lambda: None)


def test_honest_trains_on_its_own_labels(occasion: Occasion, trained: Trained) -> None:
    assert np.array_equal(honest(occasion), TRAINED)
    assert trained.labels == [0, 1, 2, 0, 1, 2]


def test_label_attacks_change_labels_only(occasion: Occasion, trained: Trained) -> None:
    Adversary("static-label", target=3)(occasion)
    assert trained.labels == [3] * 6
    Adversary("label-flip", source=1, target=2)(occasion)
    assert trained.labels == [0, 2, 2, 0, 2, 2]
    Adversary("random-labels")(occasion)
    assert set(trained.labels) <= {0, 1, 2, 3}
    assert occasion.images.labels.tolist() == [0, 1, 2, 0, 1, 2]


def test_an_adversary_is_honest_in_other_rounds(occasion: Occasion, trained: Trained) -> None:
    adversary = Adversary("static-label", active=frozenset({1, 3}))
    adversary(occasion)
    assert trained.labels == [0, 1, 2, 0, 1, 2]
    adversary(replace(occasion, round=3))
    assert trained.labels == [0] * 6


def test_scale_and_sign_flip_move_along_the_step() -> None:
    assert updates.scale(TRAINED, BASE, 10).tolist() == [200, 0, 600]
    assert updates.sign_flip(TRAINED, BASE, 1).tolist() == [90, -220, 270]


def test_model_attacks_stay_on_the_wire() -> None:
    huge = updates.scale(np.array([1 << 30], np.int64), np.array([-(1 << 30)], np.int64), 1e6)
    assert huge.tolist() == [2**31 - 1]
    noisy = updates.gaussian(np.zeros(10_000, np.int64), 2.0, 1 << 16, np.random.default_rng(1))
    assert np.std(noisy) == pytest.approx(2 * 65536, rel=0.05)
    assert updates.out_of_range(BASE).tolist() == [2**31 - 1] * 3


@pytest.mark.parametrize("attack", ["scale", "sign-flip", "gaussian", "nan"])
def test_model_attacks_change_the_update(attack: Attack, occasion: Occasion) -> None:
    made = Adversary(attack)(occasion)
    assert made is not None
    assert made.dtype == np.int64
    assert not np.array_equal(made, TRAINED)


def test_replay_sends_the_first_update_again(occasion: Occasion) -> None:
    assert np.array_equal(Adversary("replay")(occasion), TRAINED)
    old = np.array([1, 2, 3], np.int64)
    assert Adversary("replay")(replace(occasion, earlier=lambda: old)) is old


def test_copy_waits_for_its_accomplice(occasion: Occasion) -> None:
    assert Adversary("copy")(occasion) is None
    theirs = np.array([4, 5, 6], np.int64)
    assert Adversary("copy")(replace(occasion, accomplices=lambda: theirs)) is theirs


def test_a_flip_of_a_class_to_itself_is_refused() -> None:
    with pytest.raises(ConfigError, match="changes nothing"):
        Adversary("label-flip", source=1, target=1)
    with pytest.raises(ConfigError, match="changes nothing"):
        labels.label_flip(np.zeros(2, np.int64), 1, 1)


def test_classes_the_model_does_not_know_are_refused(occasion: Occasion) -> None:
    with pytest.raises(ConfigError, match="4 classes"):
        Adversary("static-label", target=4)(occasion)


def test_pairwise_flip_renames_each_class() -> None:
    assert labels.pairwise_flip(np.array([0, 3, 9], np.int64), 10).tolist() == [9, 6, 0]


def test_a_sleeper_is_honest_at_first(occasion: Occasion, trained: Trained) -> None:
    sleeper = Adversary("sleeper", strength=2)
    sleeper(occasion)
    assert trained.labels == [0, 1, 2, 0, 1, 2]
    sleeper(replace(occasion, round=3))
    assert trained.labels == [3, 2, 1, 3, 2, 1]


@pytest.mark.parametrize("attack", ["badnets", "dba", "edge-case"])
def test_backdoors_train_on_half_false_labels(attack: Attack, occasion: Occasion, trained: Trained) -> None:
    Adversary(attack, target=3)(replace(occasion, images=Images(np.zeros((6, 1, 14, 14), np.uint8), np.arange(6) % 3)))
    assert trained.labels.count(3) == 3


def test_free_riders_train_nothing(occasion: Occasion, trained: Trained) -> None:
    lazy = Adversary("free-rider")(occasion)
    assert lazy is not None
    assert np.abs(lazy - BASE).max() <= 1
    before = BASE - 50
    going_on = Adversary("free-rider-delta")(replace(occasion, before=lambda: before))
    assert going_on is not None
    assert np.abs(going_on - (BASE + 50)).max() <= 1
    assert trained.labels == []


def test_colluders_send_the_same_but_for_a_unit(occasion: Occasion) -> None:
    assert Adversary("collusion")(occasion) is None
    theirs = np.arange(50, dtype=np.int64)
    sent = Adversary("collusion")(replace(occasion, accomplices=lambda: theirs))
    assert sent is not None
    assert not np.array_equal(sent, theirs)
    assert np.abs(sent - theirs).max() == 1


def test_constrain_and_scale_keeps_the_honest_length() -> None:
    honest_step, backdoored = BASE + np.array([30, 0, 40]), BASE + np.array([0, 500, 0])
    sent = updates.constrain_and_scale(honest_step, backdoored, BASE, 1.0)
    assert np.linalg.norm(sent - BASE) == pytest.approx(50, abs=1)
    assert (sent - BASE)[1] > 40
