# SPDX-License-Identifier: Apache-2.0
"""What a hospital has in hand when its update is due, and what makes an update of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from medquorum.clients.attacks.omniscient.knowledge import Knowledge
from medquorum.clients.data.images import Images

__all__ = ["Behaviour", "Occasion", "Raw", "honest"]

Raw = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Occasion:
    """What a hospital has in hand when its update is due.

    Parameters
    ----------
    base
        The raw parameters of the round's base model, int64 (n,).
    train
        Trains from the base on images and gives raw parameters, int64 (n,).
    earlier
        Returns the first update this hospital ever made, None when there is none.
    accomplices
        Returns an accomplice's update of this round, None while there is none.
    before
        Returns the base model of the round before as this hospital saw it, None when it did not.
    known
        Returns what an omniscient attacker knows; None in a network, where nobody does.
    """

    round: int
    base: Raw
    images: Images
    classes: int
    random: np.random.Generator
    train: Callable[[Images], Raw]
    earlier: Callable[[], Raw | None]
    accomplices: Callable[[], Raw | None]
    before: Callable[[], Raw | None] = lambda: None
    known: Callable[[], Knowledge] | None = None


Behaviour: TypeAlias = Callable[[Occasion], Raw | None]
"""Makes an update; None says that it cannot be made yet."""


def honest(occasion: Occasion) -> Raw | None:
    """Train on the own images."""
    return occasion.train(occasion.images)
