# SPDX-License-Identifier: Apache-2.0
"""What runs between gates: a party's shares, and what the dealer knows of the same value."""

from __future__ import annotations

from dataclasses import dataclass, field

from medquorum.core.fixedpoint import IntArray

__all__ = ["DealerView", "Masked", "Wire"]


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
class Wire:
    """A party's view of activations: the share, and the masked form once a linear layer has opened it."""

    share: IntArray = field(repr=False)
    masked: Masked | None = None


@dataclass
class DealerView:
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
