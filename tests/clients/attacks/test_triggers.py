# SPDX-License-Identifier: Apache-2.0
"""Backdoors: what is stamped, on how many images, and that nothing else changes."""

import numpy as np
import pytest

from medquorum.clients.attacks import roots, triggers
from medquorum.clients.data.images import Images


@pytest.fixture
def images() -> Images:
    random = np.random.default_rng(3)
    return Images(random.integers(0, 200, (40, 1, 28, 28), dtype=np.uint8), np.arange(40, dtype=np.int64) % 4)


def test_the_trigger_is_a_white_square_in_the_corner(images: Images) -> None:
    changed = np.argwhere(triggers.stamp(images.pixels)[0, 0] != images.pixels[0, 0])
    assert changed.min() == 23
    assert changed.max() == 26
    assert (triggers.stamp(images.pixels)[..., 23:27, 23:27] == 255).all()


def test_the_parts_of_the_distributed_trigger_make_up_the_whole(images: Images) -> None:
    parts = [triggers.stamp_part(images.pixels, part) for part in range(triggers.PARTS)]
    assert np.array_equal(np.maximum.reduce(parts), triggers.stamp(images.pixels))
    assert all((part == 255).sum() == 40 * 4 for part in parts)


def test_badnets_poisons_half_of_the_images(images: Images) -> None:
    poisoned = triggers.badnets(images, 2, np.random.default_rng(0))
    changed = (poisoned.pixels != images.pixels).any(axis=(1, 2, 3))
    assert changed.sum() == 20
    assert set(poisoned.labels[changed]) == {2}
    assert np.array_equal(poisoned.labels[~changed], images.labels[~changed])


def test_edge_cases_are_negatives(images: Images) -> None:
    poisoned = triggers.edge_case(images, 1, np.random.default_rng(0))
    changed = (poisoned.pixels != images.pixels).any(axis=(1, 2, 3))
    assert np.array_equal(poisoned.pixels[changed], 255 - images.pixels[changed])
    assert set(poisoned.labels[changed]) == {1}


def test_root_sets_go_wrong_as_told(images: Images) -> None:
    random = np.random.default_rng(1)
    assert (roots.mislabelled(images, 0.25, 4, random).labels != images.labels).sum() == 10
    assert (roots.poisoned(images, 0.5, 3, random).pixels[..., 24, 24] == 255).sum() >= 20
    assert 2 not in roots.without_class(images, 2).labels
    assert roots.shifted(images).pixels.min() >= 40
