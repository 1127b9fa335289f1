# SPDX-License-Identifier: Apache-2.0
"""What runs between gates: a party's shares, and what the dealer knows of the same value."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Self, TypeAlias, TypeVar

from medquorum.core.fixedpoint import IntArray

__all__ = ["Arrange", "DealerView", "Masked", "Wire", "unopened"]

Arrange: TypeAlias = Callable[[Sequence[IntArray]], IntArray]


@dataclass(frozen=True)
class Masked:
    """A value x as a party holds it after the opening of x + mask.

    Attributes
    ----------
    public
        Array of int64.
        x + mask, the same for both parties.
    mask
        Array of int64.
        The party's share of the mask.
    """

    public: IntArray
    mask: IntArray = field(repr=False)

    def share(self, party: int) -> IntArray:
        """Return the party's share of x."""
        return self.public - self.mask if party == 0 else -self.mask

    @property
    def skewed(self) -> IntArray:
        """The value x ∓ d with d = P0's share of the mask less P1's: minus at P0, plus at P1."""
        return self.public - 2 * self.mask


@dataclass
class _Value(ABC):
    """A value between gates: one of its own, or other values put together.

    Attributes
    ----------
    parts, arrange
        The other values, and how arrays of theirs become one; such a value is opened by opening these, once each.
    """

    parts: tuple[Self, ...] = field(default=(), kw_only=True, repr=False)
    arrange: Arrange | None = field(default=None, kw_only=True, repr=False)

    @property
    @abstractmethod
    def is_open(self) -> bool:
        """Whether a masked form is known."""


Value = TypeVar("Value", bound=_Value)


@dataclass
class Wire(_Value):
    """A party's view of activations: the share, and the masked form once a linear layer has opened it."""

    share: IntArray = field(repr=False)
    masked: Masked | None = None

    @property
    def is_open(self) -> bool:
        """Whether the masked form is known."""
        return self.masked is not None

    def opened(self) -> Masked:
        """Return the masked form; all that it is made of has been opened."""
        if self.masked is None:
            if self.arrange is None:
                raise ValueError("the value has not been opened")
            parts = [part.opened() for part in self.parts]
            public, mask = ([part.public for part in parts], [part.mask for part in parts])
            self.masked = Masked(self.arrange(public), self.arrange(mask))
        return self.masked


@dataclass
class DealerView(_Value):
    """The dealer's view of the same activations.

    Attributes
    ----------
    shape
        (n, h, w, c).
    offset
        Array of int64 or None.
        The shares add up to the value plus this; None is 0.
    skew
        Array of int64 or None.
        Of the masked form: P0's share of the mask less P1's.
    """

    shape: tuple[int, ...]
    offset: IntArray | None = field(default=None, repr=False)
    skew: IntArray | None = field(default=None, repr=False)

    @property
    def is_open(self) -> bool:
        """Whether the masks have been drawn."""
        return self.skew is not None

    def opened(self) -> IntArray:
        """Return the skew; all that it is made of has its masks."""
        if self.skew is None:
            if self.arrange is None:
                raise ValueError("the value has not been opened")
            self.skew = self.arrange([part.opened() for part in self.parts])
        return self.skew


def unopened(values: Sequence[Value]) -> list[Value]:
    """Return what is to be opened before the masked forms of all these values are known, each once."""
    found: dict[int, Value] = {}
    for value in values:
        if not value.is_open:
            parts = [value] if value.arrange is None else unopened(value.parts)
            found |= {id(part): part for part in parts}
    return list(found.values())
