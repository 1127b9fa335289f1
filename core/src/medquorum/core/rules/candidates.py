# SPDX-License-Identifier: Apache-2.0
"""What a rule sees of an update, what it says about it, and the checks that need no verification set."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from enum import Enum
from hashlib import sha256

from medquorum.core.inference import AccuracyCounts
from medquorum.core.model import ModelDescription, Tensors, check_range, unpack
from medquorum.core.rules.direction.levels import Levels
from medquorum.errors import ModelError, RangeError

__all__ = ["Candidate", "Reason", "Verdict", "screen"]


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
    DIRECTION = "DIRECTION"
    ROOT = "ROOT"
    """The round's root update is no use, which says nothing of the update itself."""


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
    levels
        Of norm and cosine, where the rule is ``direction``.
    """

    name: str
    problem: Reason | None = None
    distance: int | None = None
    mixed: AccuracyCounts | None = None
    own: AccuracyCounts | None = None
    levels: Levels | None = None


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
    weight
        In the next model, of 256, where the rule is ``direction``; 0 is no refusal.
    """

    name: str
    accepted: bool
    reason: Reason | None = None
    quality: int | None = None
    counts: dict[str, int] = field(default_factory=dict)
    weight: int | None = None


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
