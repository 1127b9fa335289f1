# SPDX-License-Identifier: Apache-2.0
"""How a hospital makes its update in a round: honestly, or by one of the attacks in its active rounds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from medquorum.clients.attacks import labels, updates
from medquorum.clients.data.images import Images
from medquorum.core.fixedpoint import FRACTION_BITS
from medquorum.errors import ConfigError

__all__ = ["ATTACKS", "Adversary", "Attack", "Behaviour", "Occasion", "honest"]

Raw = npt.NDArray[np.int64]
Attack: TypeAlias = Literal[
    "static-label", "random-labels", "label-flip", "scale", "sign-flip", "gaussian", "nan", "replay", "copy"
]
ATTACKS: tuple[Attack, ...] = (
    "static-label",
    "random-labels",
    "label-flip",
    "scale",
    "sign-flip",
    "gaussian",
    "nan",
    "replay",
    "copy",
)


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
    """

    round: int
    base: Raw
    images: Images
    classes: int
    random: np.random.Generator
    train: Callable[[Images], Raw]
    earlier: Callable[[], Raw | None]
    accomplices: Callable[[], Raw | None]


Behaviour: TypeAlias = Callable[[Occasion], Raw | None]
"""Makes an update; None says that it cannot be made yet."""


def honest(occasion: Occasion) -> Raw | None:
    """Train on the own images."""
    return occasion.train(occasion.images)


@dataclass(frozen=True)
class Adversary:
    """Attacks in its active rounds and is honest in all others.

    Parameters
    ----------
    active
        Rounds; None means all.
    source, target
        Classes of a flip; ``target`` is also the static label.
    strength
        Factor of scale and sign-flip, deviation of gaussian in units.

    Raises
    ------
    ConfigError
        A flip of a class to itself.
    """

    attack: Attack
    active: frozenset[int] | None = None
    source: int = 1
    target: int = 0
    strength: float | None = None

    def __post_init__(self) -> None:
        if self.attack == "label-flip" and self.source == self.target:
            raise ConfigError("a flip of a class to itself changes nothing", "Choose another --source or --target")

    def __call__(self, occasion: Occasion) -> Raw | None:
        """Make the round's update."""
        if self.active is not None and occasion.round not in self.active:
            return honest(occasion)
        match self.attack:
            case "replay":
                earlier = occasion.earlier()
                return honest(occasion) if earlier is None else earlier
            case "copy":
                return occasion.accomplices()
            case "nan":
                return updates.out_of_range(occasion.base)
            case "static-label" | "random-labels" | "label-flip":
                poisoned = self._labels(occasion)
                return occasion.train(Images(occasion.images.pixels, poisoned))
        return self._poisoned(occasion)

    def _labels(self, occasion: Occasion) -> labels.Labels:
        given = occasion.images.labels
        if max(self.source, self.target) >= occasion.classes:
            raise ConfigError(
                f"the model knows {occasion.classes} classes, counted from 0", "Choose --source, --target"
            )
        match self.attack:
            case "static-label":
                return labels.static_label(given, self.target)
            case "label-flip":
                return labels.label_flip(given, self.source, self.target)
        return labels.random_labels(given, occasion.classes, occasion.random)

    def _poisoned(self, occasion: Occasion) -> Raw:
        update = occasion.train(occasion.images)
        match self.attack:
            case "scale":
                return updates.scale(update, occasion.base, 10.0 if self.strength is None else self.strength)
            case "sign-flip":
                return updates.sign_flip(update, occasion.base, 1.0 if self.strength is None else self.strength)
        deviation = 1.0 if self.strength is None else self.strength
        return updates.gaussian(update, deviation, 1 << FRACTION_BITS, occasion.random)
