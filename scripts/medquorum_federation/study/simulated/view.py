# SPDX-License-Identifier: Apache-2.0
"""A round as a defence sees it, and what the defence makes of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from medquorum.clients.attacks.updates import on_wire
from medquorum.clients.training.parameters import flatten, pack_flat

from ..cell import Cell
from .federation import UNIT, Federation, Floats

__all__ = ["Outcome", "View"]


@dataclass(frozen=True, eq=False)
class View:
    """A round before it is decided.

    Attributes
    ----------
    updates
        Packed, by name, in the order of the names.
    poisoned
        Who attacks in this training; only the references that average the honest look at it.
    root
        The packed root update.
    sums
        Each hospital's sum of steps of the rounds before, (n,), in units of 1.
    last
        The step of the round before, (n,).
    """

    cell: Cell
    federation: Federation
    number: int
    base: bytes
    updates: Mapping[str, bytes]
    poisoned: frozenset[str]
    root: bytes
    sums: Mapping[str, Floats]
    last: Floats

    @cached_property
    def steps(self) -> Floats:
        """The steps r - w, (k, n), in units of 1."""
        return np.stack([self.step(packed) for packed in self.updates.values()])

    @property
    def root_step(self) -> Floats:
        """The root update's step, (n,)."""
        return self.step(self.root)

    @property
    def random(self) -> np.random.Generator:
        """Randomness of a defence, the same whenever it is asked."""
        return np.random.default_rng(self.federation.seed(self.number, "defence"))

    def step(self, packed: bytes) -> Floats:
        """Return how far a model is from the base, (n,)."""
        return (flatten(packed) - flatten(self.base)) / UNIT

    def moved(self, step: Floats) -> bytes:
        """Return the base moved by a step, packed."""
        return pack_flat(self.federation.description, on_wire(flatten(self.base) + step * UNIT))

    def only(self, names: Collection[str]) -> View:
        """Return the round with these updates alone."""
        return replace(self, updates={name: packed for name, packed in self.updates.items() if name in names})


@dataclass(frozen=True, eq=False)
class Outcome:
    """The next model and how it came about.

    Attributes
    ----------
    weights
        Of each hospital in the model's step, adding up to 1 or to 0; None where a defence has no such thing.
    refused
        Who was refused; no weight is no refusal.
    """

    model: bytes
    weights: Mapping[str, float] | None
    refused: frozenset[str] = frozenset()
