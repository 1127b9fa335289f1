# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medquorum.clients.data.images import Images
from medquorum.clients.data.sources import Source
from medquorum.clients.data.split import deal, dirichlet_split, even_split
from medquorum.errors import DataError


def covers(parts: list[np.ndarray[tuple[int], np.dtype[np.int64]]], count: int) -> bool:
    return sorted(np.concatenate(parts).tolist()) == list(range(count))


@given(st.integers(1, 20), st.integers(0, 200), st.integers(0, 5))
def test_an_even_split_is_disjoint_and_whole(parts: int, more: int, seed: int) -> None:
    shards = even_split(parts + more, parts, seed)
    sizes = [len(shard) for shard in shards]
    assert covers(shards, parts + more)
    assert max(sizes) - min(sizes) <= 1


@given(st.integers(1, 12), st.floats(0.01, 10), st.integers(0, 5))
def test_a_dirichlet_split_is_disjoint_whole_and_never_empty(parts: int, alpha: float, seed: int) -> None:
    labels = np.arange(60) % 7
    shards = dirichlet_split(labels, parts, alpha, seed)
    assert covers(shards, 60)
    assert all(len(shard) for shard in shards)


def test_the_seed_decides_and_small_alpha_is_more_unlike() -> None:
    labels = np.arange(5000) % 10
    first, same, other = (dirichlet_split(labels, 10, 0.1, seed) for seed in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(first, same, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(first, other, strict=True))

    def largest_share(alpha: float) -> float:
        shards = dirichlet_split(labels, 10, alpha, 3)
        return float(np.mean([np.bincount(labels[s], minlength=10).max() / len(s) for s in shards]))

    assert largest_share(0.1) > largest_share(1.0) > largest_share(100.0)


@pytest.mark.parametrize("alpha", [0.0, -1.0, float("nan")])
def test_alpha_must_be_positive(alpha: float) -> None:
    with pytest.raises(DataError, match="alpha"):
        dirichlet_split(np.zeros(10, np.int64), 2, alpha, 0)


def numbered(start: int, count: int) -> Images:
    """Images whose pixels are their number, so that two sets show whether they share one."""
    numbers = np.arange(start, start + count)
    pixels = np.stack([numbers // 256, numbers % 256], axis=1).astype(np.uint8).reshape(count, 1, 1, 2)
    return Images(pixels, numbers % 4)


def names(images: Images) -> set[tuple[int, ...]]:
    return {tuple(row) for row in images.pixels.reshape(len(images), -1).tolist()}


def test_no_hospital_holds_a_verification_or_test_image() -> None:
    dealt = deal(Source(numbered(0, 100), numbered(100, 40)), 7, seed=4, limit=63, verification=30)
    held = [names(shard) for shard in dealt.shards]
    assert [len(shard) for shard in held] == [9] * 7
    assert len(set().union(*held)) == 63
    private, test = names(dealt.verification), names(dealt.test)
    assert (len(private), len(test)) == (30, 10)
    assert not private & test
    assert not (private | test) & set().union(*held)


@pytest.mark.parametrize("verification", [0, 40, 41])
def test_the_test_set_must_keep_an_image(verification: int) -> None:
    with pytest.raises(DataError, match="verification images"):
        deal(Source(numbered(0, 100), numbered(100, 40)), 2, verification=verification)


def test_more_hospitals_than_images_are_refused() -> None:
    with pytest.raises(DataError, match="3 images"):
        deal(Source(numbered(0, 3), numbered(3, 4)), 4)
