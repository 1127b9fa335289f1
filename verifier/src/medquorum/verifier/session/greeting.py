# SPDX-License-Identifier: Apache-2.0
"""What two parties tell each other before a verification, and what follows from both their words alone."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from medquorum.core import canonical
from medquorum.core.documents.fields import MAX_DATASET, Hash, Images
from medquorum.core.message import Attempt, Message
from medquorum.verifier.comparison.backends import Comparing

__all__ = ["ATTEMPTS", "REFUSALS", "BaseCounts", "Greeting", "Refusal", "hashed", "refusal"]

ATTEMPTS = 8
"""Most attempts of a verification that are dealt: none reveals anything, but nobody gets as many as it likes."""
REFUSALS = 3
"""Times in a row that material is refused before both parties give an update up."""

ByClass = Annotated[tuple[Images, ...], Field(max_length=256)]


class BaseCounts(Message):
    """The base model's correct images on P0's set: P0's own statement, in disclosure mode count."""

    called: ClassVar[str] = "statement of the base model"

    correct: Images
    per_class_correct: ByClass
    per_class_total: ByClass


class Greeting(Message):
    """One party's word.

    Attributes
    ----------
    attempts
        Number of the last attempt begun.
    batches
        Of each batch finished, the attempt that it was finished in.
    comparing
        The last attempt's comparison back end.
    dealt
        Attempts for which it took material.
    facts
        Hashes of what both must agree on.
    images, share
        Whether the party has P0's images, and its share of the update.
    refusals
        Times in a row that it was refused material.
    result
        The attempt whose share of the result is on its disk, 0 where there is none.
    revealing
        Whether it may have revealed that share: then nothing is evaluated any more.
    statement
        P0's.
    """

    called: ClassVar[str] = "greeting"

    attempts: Attempt
    batches: Annotated[tuple[Attempt, ...], Field(max_length=MAX_DATASET)]
    comparing: Comparing | None
    dealt: Attempt
    facts: Annotated[dict[Annotated[str, Field(max_length=32)], Hash], Field(max_length=16)]
    images: bool
    refusals: Attempt
    result: Attempt
    revealing: bool
    share: bool
    statement: BaseCounts | None

    def differing(self, other: Greeting) -> list[str]:
        """Return the names of the facts that the parties do not have in common."""
        names = {*self.facts, *other.facts}
        return sorted(name for name in names if self.facts.get(name) != other.facts.get(name))


@dataclass(frozen=True)
class Refusal:
    """Why nothing is evaluated, and on whose word: it may be one party's alone.

    Attributes
    ----------
    reason
        P0 has not the images; a share is missing; a party gets no material for good, or has lost what it wrote down.
    claimants
        The parties, 0 and 1, that say so.
    """

    reason: Literal["DATASET", "DISPUTED", "NO_MATERIAL"]
    claimants: tuple[int, ...]

    @property
    def disputed_by_one(self) -> bool:
        """Whether one party lacks what the other one has."""
        return self.reason == "DISPUTED" and len(self.claimants) == 1


def refusal(first: Greeting, second: Greeting) -> Refusal | None:
    """Return what P0's and P1's words amount to where there is nothing to evaluate or reveal.

    A party that may have revealed its share never evaluates again: the other one has to have its share of that very
    attempt, which it wrote down before it committed to it.
    """
    words = (first, second)
    lost = [
        index
        for index, other in ((0, second), (1, first))
        if other.revealing and other.result and words[index].result != other.result
    ]
    if lost:
        return Refusal("NO_MATERIAL", tuple(lost))
    if first.result and first.result == second.result:
        return None
    if not first.images:
        return Refusal("DATASET", (0,))
    missing = [index for index in (0, 1) if not words[index].share]
    if missing:
        return Refusal("DISPUTED", tuple(missing))
    spent = [index for index in (0, 1) if words[index].refusals >= REFUSALS or words[index].dealt >= ATTEMPTS]
    return Refusal("NO_MATERIAL", tuple(spent)) if spent else None


def hashed(facts: Mapping[str, Any]) -> dict[str, str]:
    """Return the SHA-256 of each fact's canonical JSON."""
    return {name: hashlib.sha256(canonical.encode(value)).hexdigest() for name, value in facts.items()}
