# SPDX-License-Identifier: Apache-2.0
"""How images are dealt out: evenly, or unlike one another by a Dirichlet distribution over the classes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from medquorum.clients.data.groups import cut, members, usual_labels
from medquorum.clients.data.images import Images
from medquorum.clients.data.sources import Source
from medquorum.errors import DataError

__all__ = ["Deal", "deal", "dirichlet_split", "even_split"]

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Deal:
    """One shard per hospital, and the verifiers' and the final test's images, which no hospital holds."""

    shards: tuple[Images, ...]
    verification: Images
    test: Images


def even_split(count: int, parts: int, seed: int) -> list[Indices]:
    """Deal ``count`` images evenly: disjoint, all of them, sizes differ by one at most."""
    _check(count, parts)
    return [np.sort(part) for part in np.array_split(np.random.default_rng(seed).permutation(count), parts)]


def dirichlet_split(labels: npt.NDArray[np.int64], parts: int, alpha: float, seed: int) -> list[Indices]:
    """Deal each class by proportions drawn from Dir(alpha) (Hsu, Qi, Brown 2019).

    Parameters
    ----------
    labels
        int64, shape (n,).
    alpha
        Above 0; the smaller, the more unlike the parts. No part stays empty: it takes an image of the largest one.

    Returns
    -------
    Disjoint index arrays that together hold every image.
    """
    _check(len(labels), parts)
    if labels.ndim != 1:
        raise DataError("images with several labels cannot be dealt by class", "Deal them evenly: leave alpha out")
    if not alpha > 0:
        raise DataError(
            f"alpha must be above 0, not {alpha}", "The smaller, the more unlike the hospitals; 0.5 is usual"
        )
    random = np.random.default_rng(seed)
    dealt: list[list[Indices]] = [[] for _ in range(parts)]
    for label in np.unique(labels):
        members = random.permutation(np.flatnonzero(labels == label))
        cuts = np.rint(np.cumsum(random.dirichlet(np.full(parts, alpha)))[:-1] * len(members)).astype(np.int64)
        for part, chosen in zip(dealt, np.split(members, cuts), strict=True):
            part.append(chosen)
    shards = [np.sort(np.concatenate(part)) for part in dealt]
    for empty in (i for i in range(parts) if not len(shards[i])):
        largest = max(range(parts), key=lambda i: len(shards[i]))
        shards[empty], shards[largest] = shards[largest][:1], shards[largest][1:]
    return shards


def deal(
    source: Source,
    hospitals: int,
    *,
    seed: int = 0,
    alpha: float | None = None,
    limit: int | None = None,
    verification: int | None = None,
) -> Deal:
    """Deal a data set to hospitals and verifiers.

    Parameters
    ----------
    alpha
        The Dirichlet parameter; None deals evenly.
    limit
        The most images the hospitals get together.
    verification
        How many of the held-out images the verifiers get (default: half of them); the rest is the test set. All
        images of a patient go to one part.
    """
    random = np.random.default_rng([seed, 1])
    train = source.train
    if limit is not None and limit < len(train):
        train = train.take(np.sort(random.permutation(len(train))[:limit]))
    parts = _parts(train, hospitals, seed, alpha)
    order = random.permutation(len(source.held_out))
    size = len(order) // 2 if verification is None else verification
    if not 0 < size < len(order):
        raise DataError(
            f"{size} verification images cannot be taken from {len(order)} held-out images",
            f"Choose between 1 and {len(order) - 1}",
        )
    held_out = source.held_out
    judged, tested = cut(held_out, order, size)
    return Deal(tuple(train.take(part) for part in parts), held_out.take(judged), held_out.take(tested))


def _parts(train: Images, hospitals: int, seed: int, alpha: float | None) -> list[Indices]:
    """Return each hospital's images; a patient, where patients are known, is dealt like one image."""
    if train.groups is None:
        if alpha is None:
            return even_split(len(train), hospitals, seed)
        return dirichlet_split(train.labels, hospitals, alpha, seed)
    patients = members(train)
    if len(patients) < hospitals:
        raise DataError(
            f"{len(patients)} patients cannot be dealt to {hospitals} hospitals", "Every hospital needs one patient"
        )
    dealt = even_split(len(patients), hospitals, seed)
    if alpha is not None:
        dealt = dirichlet_split(usual_labels(train, patients), hospitals, alpha, seed)
    return [np.sort(np.concatenate([patients[number] for number in part])) for part in dealt]


def _check(count: int, parts: int) -> None:
    if parts < 1 or count < parts:
        raise DataError(f"{count} images cannot be dealt to {parts} hospitals", "Every hospital needs one image")
