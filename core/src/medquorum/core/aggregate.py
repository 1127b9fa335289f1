# SPDX-License-Identifier: Apache-2.0
"""The next global model in integers: w' = λ·w + (1-λ)·mean of the accepted updates, rounded half up once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

import numpy as np
import numpy.typing as npt

from medquorum.core.division import Range
from medquorum.core.fixedpoint import MAX_LAMBDA_BITS, IntArray
from medquorum.core.model import ModelDescription, Tensors, check_tensors, layout
from medquorum.core.model.layout import Kind
from medquorum.errors import ModelError

__all__ = ["MAX_UPDATES", "add", "aggregate", "divisions", "next_model"]

MAX_UPDATES = 1 << 16
"""Most updates one round may accept: 2 · 2^8 · 2^16 · 2^31 stays below 2^63."""


def aggregate(
    description: ModelDescription,
    base: Mapping[str, npt.NDArray[np.integer]],
    updates: Iterable[Mapping[str, npt.NDArray[np.integer]]],
    *,
    lambda_numerator: int,
    lambda_bits: int,
) -> Tensors:
    """Return the next model from the accepted updates; they are read one after the other, in any order.

    Raises
    ------
    ModelError
        There is no update, a tensor is not the layout's, or λ is not of the form A / 2^k with k <= 8.
    """
    sums: dict[str, IntArray] = {}
    count = 0
    for update in updates:
        add(description, sums, update)
        count += 1
    return next_model(description, base, sums, count, lambda_numerator=lambda_numerator, lambda_bits=lambda_bits)


def add(
    description: ModelDescription, sums: dict[str, IntArray], update: Mapping[str, npt.NDArray[np.integer]]
) -> None:
    """Add an update to ``sums``, which starts as an empty dict and becomes int64.

    Raises
    ------
    ModelError
        The update's tensors are not the layout's.
    """
    check_tensors(description, update)
    for name, values in update.items():
        if name in sums:
            sums[name] += values
        else:
            sums[name] = values.astype(np.int64)


def next_model(
    description: ModelDescription,
    base: Mapping[str, npt.NDArray[np.integer]],
    sums: Mapping[str, IntArray],
    count: int,
    *,
    lambda_numerator: int,
    lambda_bits: int,
) -> Tensors:
    """Return w' = floor((A·m·w + (2^k - A)·S + 2^(k-1)·m) / (2^k·m)), S the sum of m updates.

    Batch normalisation's mean and scale are not mixed: floor((2·S + m) / (2·m)). All values of w and of the updates
    must fit 32 bits, which RANGE and the packed form ensure; the result then does too.

    Raises
    ------
    ModelError
        There is no update or more than MAX_UPDATES, a tensor is not the layout's, or λ is not A / 2^k with k <= 8.
    """
    if not 1 <= count <= MAX_UPDATES:
        raise ModelError(f"{count} updates cannot be averaged", f"Accept between 1 and {MAX_UPDATES} updates")
    whole = 1 << lambda_bits if 0 <= lambda_bits <= MAX_LAMBDA_BITS else 0
    if not 0 <= lambda_numerator <= whole or not whole:
        raise ModelError(
            f"λ = {lambda_numerator}/2^{lambda_bits} is not a mixing weight",
            f"Use 0 <= A <= 2^k, k <= {MAX_LAMBDA_BITS}",
        )
    check_tensors(description, base)
    check_tensors(description, sums)
    model: Tensors = {}
    for name, _, kind in layout(description):
        own, other, parts = (lambda_numerator, whole - lambda_numerator, whole) if kind.mixed else (0, 1, 1)
        total = sums[name] * np.int64(2 * other)
        total += base[name].astype(np.int64) * np.int64(2 * own * count)
        total += np.int64(parts * count)
        model[name] = (total // np.int64(2 * parts * count)).astype(np.int32)
    return model


def divisions(kinds: Collection[Kind], lambda_bits: int, count: int) -> list[Range]:
    """Return what ``next_model`` divides by, and how far its dividends reach once they are shifted to begin at 0."""
    divisors = ((kind, count << lambda_bits if kind.mixed else count) for kind in sorted(kinds, key=lambda k: k.value))
    return [(divisor, (kind.highest - kind.lowest + 1) * divisor) for kind, divisor in divisors]
