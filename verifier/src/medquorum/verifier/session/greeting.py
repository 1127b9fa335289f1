# SPDX-License-Identifier: Apache-2.0
"""What two parties tell each other before a verification: how far each is, what each has, what they must agree on."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Field

from medquorum.core import canonical
from medquorum.core.documents.fields import MAX_DATASET, Hash, Images
from medquorum.core.message import Attempt, Message
from medquorum.verifier.comparison.backends import Comparing

__all__ = ["BaseCounts", "Greeting", "hashed"]

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
        "tree", "fss" or None.
        The last attempt's comparison back end.
    facts
        Mapping of str to str.
        Hashes of what both must agree on.
    images, share
        Whether the party has P0's images, and its share.
    refusals
        Times in a row that it was refused material.
    statement
        P0's.
    """

    called: ClassVar[str] = "greeting"

    attempts: Attempt
    batches: Annotated[tuple[Attempt, ...], Field(max_length=MAX_DATASET)]
    comparing: Comparing | None
    facts: Annotated[dict[Annotated[str, Field(max_length=32)], Hash], Field(max_length=16)]
    images: bool
    refusals: Attempt
    share: bool
    statement: BaseCounts | None

    def differing(self, other: Greeting) -> list[str]:
        """Return the names of the facts that the parties do not have in common."""
        names = {*self.facts, *other.facts}
        return sorted(name for name in names if self.facts.get(name) != other.facts.get(name))


def hashed(facts: Mapping[str, Any]) -> dict[str, str]:
    """Return the SHA-256 of each fact's canonical JSON."""
    return {name: hashlib.sha256(canonical.encode(value)).hexdigest() for name, value in facts.items()}
