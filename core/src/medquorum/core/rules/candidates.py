# SPDX-License-Identifier: Apache-2.0
"""What a rule sees of an update, what it says about it, and the checks that need no verification set."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import Enum
from hashlib import sha256

import numpy as np
import numpy.typing as npt

from medquorum.core.inference import AccuracyCounts
from medquorum.core.model import ModelDescription, Tensors, check_range, layout, unpack
from medquorum.errors import ModelError, RangeError

__all__ = ["Candidate", "Reason", "Verdict", "screen", "squared_distance"]


class Reason(Enum):
    """Why an update is refused (docs/reference/ledger.md)."""

    MALFORMED = "MALFORMED"
    RANGE = "RANGE"
    DUPLICATE = "DUPLICATE"
    NORM = "NORM"
    RANGE_OR_NORM = "RANGE_OR_NORM"
    """Under encryption, where one bit says that both hold."""
    RULE = "RULE"
    FLOOR = "FLOOR"


@dataclass(frozen=True)
class Candidate:
    """One update of a round.

    Attributes
    ----------
    name
        The hospital's MSP id; breaks ties.
    problem
        What :func:`screen` found; the rest is then not looked at.
    distance
        :func:`squared_distance`, where the rule has a norm bound.
    mixed, own
        Accuracy counts of p and of r, where the rule's ``subjects`` name them.
    """

    name: str
    problem: Reason | None = None
    distance: int | None = None
    mixed: AccuracyCounts | None = None
    own: AccuracyCounts | None = None


@dataclass(frozen=True)
class Verdict:
    """A rule's word on one candidate.

    Attributes
    ----------
    reason
        None exactly when accepted.
    quality
        correct(p) - correct(w), where p was evaluated.
    counts
        ``total``, ``base`` = correct(w) and, where evaluated, ``mixed``, ``own``, ``aggregate`` (of the prefix that
        ends with this candidate).
    """

    name: str
    accepted: bool
    reason: Reason | None = None
    quality: int | None = None
    counts: dict[str, int] = field(default_factory=dict)


def screen(
    description: ModelDescription, raw: bytes, earlier: Collection[str] = ()
) -> tuple[Tensors | None, Reason | None, str]:
    """Check an update's bytes before anything is evaluated.

    Parameters
    ----------
    raw
        The packed update.
    earlier
        Digests of the candidates before this one in the sorted list.

    Returns
    -------
    tensors : dict or None
        The update, where it is well-formed.
    problem : Reason or None
        MALFORMED, RANGE or DUPLICATE, the first that holds.
    digest : str
        Hex SHA-256 of the bytes.
    """
    digest = sha256(raw).hexdigest()
    try:
        tensors = unpack(description, raw)
    except ModelError:
        return None, Reason.MALFORMED, digest
    try:
        check_range(description, tensors)
    except RangeError:
        return tensors, Reason.RANGE, digest
    return tensors, Reason.DUPLICATE if digest in earlier else None, digest


def squared_distance(
    description: ModelDescription,
    base: Mapping[str, npt.NDArray[np.integer]],
    update: Mapping[str, npt.NDArray[np.integer]],
) -> int:
    """Return Σ (r - w)² exactly, in units of 2^-32, over the tensors that are mixed with λ.

    Batch normalisation's mean and scale change by large steps in honest training; RANGE alone bounds them.
    """
    total = 0
    for name, _, kind in layout(description):
        if kind.mixed:
            difference = update[name].astype(np.int64).ravel() - base[name].astype(np.int64).ravel()
            total += _sum_of_squares(difference)
    return total


def _sum_of_squares(values: npt.NDArray[np.int64]) -> int:
    """Add squares of integers below 2^32 in halves of 16 bits, so that no sum of up to 2^25 wraps."""
    size = np.abs(values)
    high, low = size >> np.int64(16), size & np.int64(0xFFFF)
    squares = (int(np.dot(high, high)), int(np.dot(high, low)), int(np.dot(low, low)))
    return (squares[0] << 32) + (squares[1] << 17) + squares[2]
