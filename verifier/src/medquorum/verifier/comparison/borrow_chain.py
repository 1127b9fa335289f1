# SPDX-License-Identifier: Apache-2.0
"""Borrow chains of many inputs in one round: products of publicly masked bits from dealt products of their masks.

A wire v is public as V = v + μ modulo 2, the dealer knows μ. A product of k wires is a sum over subsets of public
factors times dealt products of masks, so its shares need no message (TurboSpeedz, ABY2.0 for two inputs). All values
are bit planes; the first axis counts wires or subsets, the others are free.
"""

from __future__ import annotations

import numpy as np

from medquorum.verifier.arithmetic.bitplanes import Words
from medquorum.verifier.arithmetic.kernels.library import library

__all__ = ["carried", "chain", "chain_products", "mask_products", "product"]

_ONES = np.uint64(0xFFFFFFFFFFFFFFFF)
_MOST = 6  # inputs of a chain that the kernel takes


def mask_products(masks: Words) -> Words:
    """Return the products of all subsets of (k, ...) masks as (2^k, ...); subset S has index Σ 2^i over its members."""
    result = np.full((1, *masks.shape[1:]), _ONES)
    for mask in masks:
        result = np.concatenate([result, result & mask])
    return result


def chain_products(generate: Words, subsets: Words) -> Words:
    """Return the products a chain needs of its generate wires' masks, ready to be shared.

    Parameters
    ----------
    generate
        (k, ...).
        Masks of the generate wires, lowest first.
    subsets
        (2^(k-1), ...).
        :func:`mask_products` of the masks of the propagate wires 1 to k - 1.

    Returns
    -------
    (2^k - 1, ...)
        For each generate wire j its mask times each subset of the propagate wires above j.
    """
    return np.concatenate([generate[j] & subsets[:: 1 << j] for j in range(generate.shape[0])])


def carried(public: Words, subsets: Words, products: Words) -> Words:
    """Return the shares of a wire times every subset's mask product, from the dealt shares of both."""
    return (public & subsets) ^ products


def product(start: Words, propagate: Words) -> Words:
    """Multiply a carried wire with the public-masked propagate wires, lowest first; return shares."""
    for public in propagate:
        start = (public & start[0::2]) ^ start[1::2]
    result: Words = start[0]
    return result


def chain(generate: Words, propagate: Words, subsets: Words, products: Words) -> Words:
    """Return shares of the borrow out of a chain: g_k-1 + p_k-1·(g_k-2 + p_k-2·(... g_0)) modulo 2.

    Parameters
    ----------
    generate, propagate
        (k, ...), (k - 1, ...).
        Public masked wires, lowest first; propagate wire j - 1 belongs to place j.
    subsets, products
        The party's shares of what :func:`mask_products` and :func:`chain_products` gave the dealer.
    """
    count = generate.shape[0]
    kernels = library()
    if kernels is not None and count <= _MOST:
        shares = np.empty(generate.shape[1:], dtype=np.uint64)
        inputs = [np.ascontiguousarray(part) for part in (generate, propagate, subsets, products)]
        kernels.call("chain", *inputs, shares, count, shares.size)
        return shares
    total = np.zeros_like(subsets)
    first = 0
    for j in range(count):
        part = subsets[:: 1 << j]
        total = total ^ carried(generate[j], part, products[first : first + part.shape[0]])
        first += part.shape[0]
        if j < count - 1:
            total = (propagate[j] & total[0::2]) ^ total[1::2]
    result: Words = total[0]
    return result
