# SPDX-License-Identifier: Apache-2.0
"""The comparison back ends by name."""

from __future__ import annotations

from typing import Literal, TypeAlias, cast, get_args

from medquorum.core import canonical
from medquorum.verifier.comparison.fss import Fss
from medquorum.verifier.comparison.interface import Comparison
from medquorum.verifier.comparison.tree import Tree
from medquorum.verifier.randomness.identifier import MaterialId

__all__ = ["Chosen", "Comparing", "back_end", "comparing_named", "fss_key"]

Comparing: TypeAlias = Literal["tree", "fss"]
Chosen: TypeAlias = Comparing | Literal["auto"]
"""What a task says: a back end, or that the parties choose one by their measured links."""


def back_end(comparing: Comparing, name: MaterialId) -> Comparison:
    """Return a new back end for the batches of the verification called ``name``."""
    return Tree() if comparing == "tree" else Fss(fss_key(name))


def comparing_named(name: object) -> Comparing:
    """Return the back end of this name; ValueError where there is none."""
    for known in get_args(Comparing):
        if name == known:
            return cast(Comparing, known)
    raise ValueError(f"there is no comparison {name!r:.40}")


def fss_key(name: MaterialId) -> bytes:
    """Return what the generator's public key of a verification is made of, in all its attempts."""
    return canonical.encode(["medquorum fss v1", name.task, name.round, name.hospital])
