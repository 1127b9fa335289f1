# SPDX-License-Identifier: Apache-2.0
"""Distributed comparison function: two keys that give shares modulo 2 of [x < alpha] and hide alpha.

Source: Boyle, Chandran, Gilboa, Gupta, Ishai, Kumar, Rathee, "Function secret sharing for mixed-mode and fixed-point
secure computation" (EUROCRYPT 2021), figure 1, with one-bit output and early termination: the tree ends in leaves of
128 places. Exact for every x. A level's 128-bit correction is 125 bits of seed and the bits (value, left, right).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from medquorum.core.fixedpoint import IntArray
from medquorum.verifier.arithmetic.bitplanes import Words
from medquorum.verifier.arithmetic.kernels.library import library
from medquorum.verifier.comparison.prg import FixedKey

__all__ = ["LEAF_BITS", "blocks", "evaluate", "generate"]

LEAF_BITS = 7
_LEAF = np.uint64(3)
_FLAGS = np.uint64(7)
_SEED = ~_FLAGS
_ONE = np.uint64(1)
_BLOCK = 1 << 13


def blocks(bits: int) -> int:
    """Return the 16-byte blocks of a key's public part for numbers of this many bits."""
    return max(0, bits - LEAF_BITS) + 1


class _Node(NamedTuple):
    """A place in one party's tree: seed (2, n), control bit and value bit."""

    seed: Words
    control: Words
    value: Words


def _child(key: FixedKey, seed: Words, level: int, side: Words) -> _Node:
    block = key(seed, np.uint64(4 * level) + _ONE + side)
    flags = block[0] & _FLAGS
    block[0] &= _SEED
    return _Node(block, flags & _ONE, flags >> _ONE & _ONE)


def generate(key: FixedKey, roots: tuple[Words, Words], alpha: IntArray, bits: int) -> Words:
    """Return the public part of keys for [x < alpha], 0 <= x, alpha < 2^bits.

    Parameters
    ----------
    roots
        Pair of ndarray of uint64 (2, n).
        The parties' secret uniform blocks.
    alpha
        Array of int64 (n,).

    Returns
    -------
    ndarray of uint64 (blocks(bits), 2, n)
    """
    points = alpha.view(np.uint64)
    kernels = library()
    if kernels is not None:
        made = np.empty((blocks(bits), 2, points.shape[0]), dtype=np.uint64)
        raw = np.frombuffer(key.key, dtype=np.uint8)
        kernels.call("dcf_generate", raw, *roots, points, made, points.shape[0], bits, blocks(bits) - 1)
        return made
    return _generate(key, roots, points, bits)


def _generate(key: FixedKey, roots: tuple[Words, Words], points: Words, bits: int) -> Words:
    seeds = [np.stack([root[0] & _SEED, root[1]]) for root in roots]
    controls = [np.zeros_like(points), np.ones_like(points)]
    value = np.zeros_like(points)
    result = np.empty((blocks(bits), 2, points.shape[0]), dtype=np.uint64)
    depth = result.shape[0] - 1
    for level in range(depth):
        bit = points >> np.uint64(bits - 1 - level) & _ONE
        keep = [_child(key, seed, level, bit) for seed in seeds]
        lose = [_child(key, seed, level, bit ^ _ONE) for seed in seeds]
        correction = lose[0].seed ^ lose[1].seed
        value_bit = lose[0].value ^ lose[1].value ^ value ^ bit
        kept_bit = keep[0].control ^ keep[1].control ^ _ONE
        lost_bit = lose[0].control ^ lose[1].control
        left, right = np.where(bit, lost_bit, kept_bit), np.where(bit, kept_bit, lost_bit)
        result[level] = correction
        result[level, 0] |= value_bit | left << _ONE | right << np.uint64(2)
        value ^= keep[0].value ^ keep[1].value ^ value_bit
        seeds = [node.seed ^ (correction & -control) for node, control in zip(keep, controls, strict=True)]
        controls = [node.control ^ (kept_bit & control) for node, control in zip(keep, controls, strict=True)]
    leaves = [key(seed, np.uint64(4 * depth) + _LEAF) for seed in seeds]
    result[depth] = leaves[0] ^ leaves[1] ^ _below(points) ^ -value
    return result


def _below(points: Words) -> Words:
    """Return 128-bit masks (2, n) whose bit j is [j < point modulo 128]."""
    place = points & np.uint64(127)
    full = ~np.uint64(0)
    upper = place >= np.uint64(64)
    part = (_ONE << (place & np.uint64(63))) - _ONE
    return np.stack([np.where(upper, full, part), np.where(upper, part, np.uint64(0))])


def evaluate(key: FixedKey, party: int, root: Words, public: Words, values: IntArray, bits: int) -> Words:
    """Return a party's shares modulo 2 of [x < alpha].

    Parameters
    ----------
    root
        Array of uint64 (2, n).
        The party's secret block.
    public
        Array of uint64 (blocks(bits), 2, n).
    values
        Array of int64 (n,).
        x; bits from ``bits`` on do not matter.

    Returns
    -------
    ndarray of uint64 (n,), 0 or 1
    """
    result = np.empty(values.shape[0], dtype=np.uint64)
    kernels = library()
    if kernels is not None:
        raw = np.frombuffer(key.key, dtype=np.uint8)
        kernels.call("dcf_evaluate", raw, root, public, values, result, result.size, bits, public.shape[0] - 1, party)
        return result
    for first in range(0, values.shape[0], _BLOCK):
        part = slice(first, first + _BLOCK)
        result[part] = _evaluate_block(
            key, party, root[:, part], public[:, :, part], values[part].view(np.uint64), bits
        )
    return result


def _evaluate_block(key: FixedKey, party: int, root: Words, public: Words, points: Words, bits: int) -> Words:
    seed = np.stack([root[0] & _SEED, root[1]])
    control = np.full_like(points, party)
    total = np.zeros_like(points)
    depth = public.shape[0] - 1
    for level in range(depth):
        bit = points >> np.uint64(bits - 1 - level) & _ONE
        node = _child(key, seed, level, bit)
        low = public[level, 0] & -control
        total ^= node.value ^ (low & _ONE)
        seed[0] = node.seed[0] ^ (low & _SEED)
        seed[1] = node.seed[1] ^ (public[level, 1] & -control)
        control = node.control ^ (low >> (bit + _ONE) & _ONE)
    leaf = key(seed, np.uint64(4 * depth) + _LEAF) ^ (public[depth] & -control)
    place = points & np.uint64((1 << min(bits, LEAF_BITS)) - 1)
    word = np.where(place >= np.uint64(64), leaf[1], leaf[0])
    total ^= word >> (place & np.uint64(63)) & _ONE
    return total
