# SPDX-License-Identifier: Apache-2.0
"""Comparison by a bit-sliced boolean tree on dealt bits: three rounds, few bytes, 64 comparisons per operation.

1. Leaves: for each 4-bit chunk of r the dealer shares the one-hot truth table [v = chunk]; at the public chunk of c it
   gives shares of "equal" and "c below r" without a message (Ishai et al. 2013, one-time truth tables).
2. Groups of chunks become one pair (below, equal) by chains of fan-in 4 (:mod:`.borrow_chain`): one opening.
3. A chain over the groups gives the borrow: one opening; it is opened itself under its mask: one more.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from medquorum.core.fixedpoint import IntArray
from medquorum.verifier.arithmetic.bitplanes import Words, planes, spread, word_count
from medquorum.verifier.arithmetic.kernels.library import library
from medquorum.verifier.comparison.borrow_chain import carried, chain, chain_products, mask_products, product
from medquorum.verifier.comparison.interface import Cost
from medquorum.verifier.opening.party import Party
from medquorum.verifier.randomness.material import GateDealer, GateRandomness

__all__ = ["Tree"]

_CHUNK = 4
_FAN = 4
_SINGLE = 24


class _Layout(NamedTuple):
    """How the bits below the highest position fall into chunks and groups."""

    low: int
    """Bits of the lowest group."""
    top: int
    low_chunks: int
    groups: int
    """Groups above the lowest one, of four chunks each."""

    @property
    def chunks(self) -> int:
        return self.low_chunks + _FAN * self.groups

    @property
    def opened(self) -> int:
        """Planes of the first opening: generate and propagate of every chunk, the lowest one's propagate apart."""
        return 2 * self.chunks - 1


def _layout(positions: Sequence[int]) -> _Layout:
    top = positions[-1]
    low = positions[0] if len(positions) == 2 else (top if top <= _SINGLE else _FAN * _CHUNK)
    groups = -(-(top - low) // (_FAN * _CHUNK))
    return _Layout(low, top, -(-low // _CHUNK), groups)


def _chunks(values: IntArray, layout: _Layout) -> Words:
    """Return the bits as (chunks, 4, words): chunk from low to high, bit in chunk, missing bits 0."""
    bit_planes = planes(values, layout.top)
    padded = np.zeros((_CHUNK * layout.chunks, bit_planes.shape[1]), dtype=np.uint64)
    padded[: layout.low] = bit_planes[: layout.low]
    start = _CHUNK * layout.low_chunks
    padded[start : start + layout.top - layout.low] = bit_planes[layout.low :]
    return padded.reshape(layout.chunks, _CHUNK, -1)


def _tables(chunk_bits: Words) -> Words:
    """Return the one-hot tables of chunks (chunks, 4, words) without their first place: (15 · chunks, words)."""
    chunks, _, words = chunk_bits.shape
    kernels = library()
    if kernels is not None:
        result = np.empty((((1 << _CHUNK) - 1) * chunks, words), dtype=np.uint64)
        kernels.call("tree_tables", chunk_bits, result, chunks, words)
        return result
    table = np.full((1, chunks, words), 0xFFFFFFFFFFFFFFFF, dtype=np.uint64)
    for bit in chunk_bits.transpose(1, 0, 2):
        table = np.concatenate([table & ~bit, table & bit])
    return table[1:].reshape(-1, words)


class Tree:
    """The back end; it has no state."""

    def deal(self, dealer: GateDealer, masks: IntArray, positions: Sequence[int]) -> list[IntArray]:
        """Deal for ``masks`` r (n,) and return each position's one-bit masks."""
        layout = _layout(positions)
        count, words = masks.shape[0], word_count(masks.shape[0])
        dealer.share_planes(_tables(_chunks(masks, layout)))
        generate, propagate = _wires(dealer.mask_planes(layout.opened, words), layout)
        _deal_chain(dealer, generate[: layout.low_chunks], propagate[: layout.low_chunks - 1])
        if layout.groups:
            upper_generate, upper_propagate = _upper(generate, propagate, layout)
            subsets = _deal_chain(dealer, upper_generate, upper_propagate[1:])
            dealer.share_planes((upper_propagate[0] & subsets).reshape(-1, words))
            outputs = dealer.mask_planes(2 * layout.groups + 1, words)
            _deal_chain(dealer, outputs[: layout.groups + 1], outputs[layout.groups + 1 :])
            low = outputs[0]
        result = dealer.mask_planes(1, words)[0]
        borrows = [spread(result, count)]
        return [spread(low, count), *borrows] if len(positions) == 2 else borrows

    def borrows(
        self, party: Party, randomness: GateRandomness, public: IntArray, positions: Sequence[int]
    ) -> list[IntArray]:
        """Return each position's borrow + one-bit mask modulo 2."""
        layout = _layout(positions)
        count, words = public.shape[0], word_count(public.shape[0])
        below, equal = _leaves(party, randomness, _chunks(public, layout))
        wires = party.open_planes(randomness.mask_planes(layout.opened, words), np.concatenate([below, equal[1:]]))
        generate, propagate = _wires(wires, layout)
        share, _ = _take_chain(party, randomness, generate[: layout.low_chunks], propagate[: layout.low_chunks - 1])
        if layout.groups:
            upper_generate, upper_propagate = _upper(generate, propagate, layout)
            group, subsets = _take_chain(party, randomness, upper_generate, upper_propagate[1:])
            products = randomness.share_planes(subsets.shape[0] * layout.groups, words).reshape(subsets.shape)
            equal = product(carried(upper_propagate[0], subsets, products), upper_propagate[1:])
            outputs = party.open_planes(
                randomness.mask_planes(2 * layout.groups + 1, words), np.concatenate([share[np.newaxis], group, equal])
            )
            share, _ = _take_chain(party, randomness, outputs[: layout.groups + 1], outputs[layout.groups + 1 :])
            low = outputs[0]
        result = party.open_planes(randomness.mask_planes(1, words), share[np.newaxis])[0]
        borrows = [spread(result, count)]
        return [spread(low, count), *borrows] if len(positions) == 2 else borrows

    def cost(self, count: int, positions: Sequence[int]) -> Cost:
        """Return what the borrows of ``count`` numbers cost."""
        layout = _layout(positions)
        planes = ((1 << _CHUNK) - 1) * layout.chunks + _chain_planes(layout.low_chunks)
        opened = layout.opened + 1
        if layout.groups:
            planes += layout.groups * (_chain_planes(_FAN) + (1 << (_FAN - 1))) + _chain_planes(layout.groups + 1)
            opened += 2 * layout.groups + 1
        word = 8 * word_count(count)
        return Cost(2 + bool(layout.groups), word * opened, word * planes)


def _chain_planes(count: int) -> int:
    """Return the planes that are dealt for a chain of so many generate wires."""
    return (1 << (count - 1)) - 1 + (1 << count) - 1


def _leaves(party: Party, randomness: GateRandomness, chunk_bits: Words) -> tuple[Words, Words]:
    """Look the public chunks (chunks, 4, words) up in the shared tables; return shares of "below" and "equal"."""
    chunks, _, words = chunk_bits.shape
    size = 1 << _CHUNK
    kernels = library()
    if kernels is not None:
        shared = randomness.share_planes((size - 1) * chunks, words)
        below, equal = np.empty((2, chunks, words), dtype=np.uint64)
        kernels.call("tree_leaves", chunk_bits, shared, below, equal, chunks, words, party.index)
        return below, equal
    table = np.empty((size, chunks, words), dtype=np.uint64)
    table[1:] = randomness.share_planes((size - 1) * chunks, words).reshape(size - 1, chunks, words)
    above = np.zeros_like(table)
    for value in range(size - 2, -1, -1):
        np.bitwise_xor(above[value + 1], table[value + 1], out=above[value])
    table[0] = above[0]
    if party.index == 0:
        np.invert(table[0], out=table[0])
    for bit in chunk_bits.transpose(1, 0, 2):
        table = table[0::2] ^ (bit & (table[0::2] ^ table[1::2]))
        above = above[0::2] ^ (bit & (above[0::2] ^ above[1::2]))
    return above[0], table[0]


def _wires(opened: Words, layout: _Layout) -> tuple[Words, Words]:
    """Split into generate (chunks, words) and propagate (chunks - 1, words): of all chunks but the lowest."""
    return opened[: layout.chunks], opened[layout.chunks :]


def _upper(generate: Words, propagate: Words, layout: _Layout) -> tuple[Words, Words]:
    """Return the upper groups' wires as (4, groups, words): place in group, group."""
    shape = (layout.groups, _FAN, generate.shape[1])
    return (
        generate[layout.low_chunks :].reshape(shape).transpose(1, 0, 2),
        propagate[layout.low_chunks - 1 :].reshape(shape).transpose(1, 0, 2),
    )


def _deal_chain(dealer: GateDealer, generate: Words, propagate: Words) -> Words:
    """Share the mask products of a chain; return the subsets' ones."""
    subsets = mask_products(propagate)
    products = chain_products(generate, subsets)
    dealer.share_planes(subsets[1:].reshape(-1, subsets.shape[-1]))
    dealer.share_planes(products.reshape(-1, products.shape[-1]))
    return subsets


def _take_chain(party: Party, randomness: GateRandomness, generate: Words, propagate: Words) -> tuple[Words, Words]:
    """Return shares of a chain's borrow, and the shares of its propagate masks' products."""
    count, rest = generate.shape[0], generate.shape[1:]
    each = int(np.prod(rest[:-1], dtype=np.int64))
    subsets = np.empty((1 << (count - 1), *rest), dtype=np.uint64)
    subsets[0] = 0 if party.index else 0xFFFFFFFFFFFFFFFF
    subsets[1:] = randomness.share_planes((subsets.shape[0] - 1) * each, rest[-1]).reshape(-1, *rest)
    size = (1 << count) - 1
    products = randomness.share_planes(size * each, rest[-1]).reshape(size, *rest)
    return chain(generate, propagate, subsets, products), subsets
