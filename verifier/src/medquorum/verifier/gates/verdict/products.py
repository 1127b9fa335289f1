# SPDX-License-Identifier: Apache-2.0
"""Inner products of hidden updates as shares modulo 2^64: local from their masked forms, but for one dealt number each.

With A = (r + u) - w public and d = r - w = A - u: <d, d'> = <A, A'> - <A, u'> - <u, A'> + <u, u'>.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

import numpy as np

from medquorum.core.fixedpoint import IntArray
from medquorum.core.model.layout import Kind, TensorSpec
from medquorum.verifier.opening.party import Party
from medquorum.verifier.randomness.material import GateDealer, GateRandomness
from medquorum.verifier.randomness.wires import Masked

__all__ = ["Part", "deal_products", "moved", "parts", "products"]

Part: TypeAlias = list[tuple[str, slice]]
"""Tensors' names and some of their elements."""


def parts(layout: Sequence[TensorSpec], kinds: Collection[Kind], size: int) -> list[Part]:
    """Cut the tensors of some kinds, one after the other, into parts of ``size`` elements, the last one of fewer."""
    result: list[Part] = []
    room = 0
    for spec in layout:
        start = 0
        while spec.kind in kinds and start < spec.size:
            if not room:
                result.append([])
                room = size
            stop = min(start + room, spec.size)
            result[-1].append((spec.name, slice(start, stop)))
            room -= stop - start
            start = stop
    return result


def deal_products(
    dealer: GateDealer, over: Sequence[Part], first: Mapping[str, IntArray], second: Mapping[str, IntArray]
) -> None:
    """Share the products of two masks over each part."""

    def product(name: str, piece: slice) -> np.int64:
        result: np.int64 = np.dot(first[name].reshape(-1)[piece], second[name].reshape(-1)[piece])
        return result

    dealer.share(np.array([_total(product(*piece) for piece in part) for part in over], dtype=np.int64), 64)


def moved(base: Mapping[str, IntArray], masked: Mapping[str, Masked]) -> dict[str, Masked]:
    """Return the masked form of r - w, by tensor."""
    return {name: Masked(value.public - base[name], value.mask) for name, value in masked.items()}


def products(
    party: Party,
    randomness: GateRandomness,
    over: Sequence[Part],
    first: Mapping[str, Masked],
    second: Mapping[str, Masked],
) -> IntArray:
    """Return the party's shares (parts,) modulo 2^64 of Σ d·d' over each part."""

    def terms(name: str, piece: slice) -> Iterator[np.int64]:
        own, other = (values[name].public.reshape(-1)[piece] for values in (first, second))
        factor = -second[name].mask.reshape(-1)[piece]
        if party.index == 0:
            factor += other
        yield np.dot(own, factor)
        yield np.dot(-first[name].mask.reshape(-1)[piece], other)

    sums = np.array([_total(term for piece in part for term in terms(*piece)) for part in over], dtype=np.int64)
    return sums + randomness.share(sums.shape, 64)


def _total(numbers: Iterable[np.int64]) -> np.int64:
    """Add modulo 2^64."""
    total: np.int64 = np.fromiter(numbers, dtype=np.int64).sum()
    return total
