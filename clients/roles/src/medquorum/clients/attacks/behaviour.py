# SPDX-License-Identifier: Apache-2.0
"""How a hospital makes its update in a round: honestly, or by one of the attacks in its active rounds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from medquorum.clients.attacks import labels, triggers, updates
from medquorum.clients.attacks.catalogue import OMNISCIENT, Attack
from medquorum.clients.attacks.occasion import Occasion, Raw, honest
from medquorum.clients.attacks.omniscient.sent import sent
from medquorum.clients.data.images import Images
from medquorum.core.fixedpoint import FRACTION_BITS
from medquorum.errors import ConfigError

__all__ = ["Adversary"]

SLEEPS = 5
"""Rounds a sleeper is honest."""


@dataclass(frozen=True)
class Adversary:
    """Attacks in its active rounds and is honest in all others.

    Parameters
    ----------
    active
        Rounds; None means all.
    source, target
        Classes of a flip; ``target`` is also the static label and the backdoors' class.
    strength
        Factor of scale, sign-flip, ipm and constrain-and-scale, deviation of gaussian in units, rounds a sleeper is
        honest.

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
        if self.attack == "sleeper" and occasion.round <= self.by(SLEEPS):
            return honest(occasion)
        if self.attack in _ON_IMAGES:
            return occasion.train(self.poisoned_images(occasion))
        if self.attack in OMNISCIENT:
            return sent(self.attack, occasion, self.by(0.5), lambda: self.poisoned_images(occasion), self.target)
        return _ON_UPDATES[self.attack](self, occasion)

    def poisoned_images(self, occasion: Occasion) -> Images:
        """Return what the attack trains on."""
        if max(self.source, self.target) >= occasion.classes:
            raise ConfigError(
                f"the model knows {occasion.classes} classes, counted from 0", "Choose --source, --target"
            )
        return _ON_IMAGES.get(self.attack, _pairwise)(self, occasion)

    def by(self, usual: float) -> float:
        """Return the strength, ``usual`` where none was chosen."""
        return usual if self.strength is None else self.strength


def _relabelled(occasion: Occasion, given: labels.Labels) -> Images:
    return Images(occasion.images.pixels, given)


def _static(adversary: Adversary, occasion: Occasion) -> Images:
    return _relabelled(occasion, labels.static_label(occasion.images.labels, adversary.target))


def _random(adversary: Adversary, occasion: Occasion) -> Images:
    return _relabelled(occasion, labels.random_labels(occasion.images.labels, occasion.classes, occasion.random))


def _one_class(adversary: Adversary, occasion: Occasion) -> Images:
    return _relabelled(occasion, labels.label_flip(occasion.images.labels, adversary.source, adversary.target))


def _pairwise(adversary: Adversary, occasion: Occasion) -> Images:
    return _relabelled(occasion, labels.pairwise_flip(occasion.images.labels, occasion.classes))


def _badnets(adversary: Adversary, occasion: Occasion) -> Images:
    return triggers.badnets(occasion.images, adversary.target, occasion.random)


def _dba(adversary: Adversary, occasion: Occasion) -> Images:
    part = int(occasion.random.integers(triggers.PARTS))
    return triggers.badnets(occasion.images, adversary.target, occasion.random, part)


def _edge_case(adversary: Adversary, occasion: Occasion) -> Images:
    return triggers.edge_case(occasion.images, adversary.target, occasion.random)


_ON_IMAGES: dict[str, Callable[[Adversary, Occasion], Images]] = {
    "static-label": _static,
    "random-labels": _random,
    "label-flip": _one_class,
    "pairwise-flip": _pairwise,
    "sleeper": _pairwise,
    "badnets": _badnets,
    "dba": _dba,
    "edge-case": _edge_case,
}


def _scale(adversary: Adversary, occasion: Occasion) -> Raw:
    return updates.scale(occasion.train(occasion.images), occasion.base, adversary.by(10.0))


def _sign_flip(adversary: Adversary, occasion: Occasion) -> Raw:
    return updates.sign_flip(occasion.train(occasion.images), occasion.base, adversary.by(1.0))


def _gaussian(adversary: Adversary, occasion: Occasion) -> Raw:
    update = occasion.train(occasion.images)
    return updates.gaussian(update, adversary.by(1.0), 1 << FRACTION_BITS, occasion.random)


def _nan(adversary: Adversary, occasion: Occasion) -> Raw:
    return updates.out_of_range(occasion.base)


def _constrain_and_scale(adversary: Adversary, occasion: Occasion) -> Raw:
    straight = occasion.train(occasion.images)
    poisoned = occasion.train(_badnets(adversary, occasion))
    return updates.constrain_and_scale(straight, poisoned, occasion.base, adversary.by(1.0))


def _free_rider(adversary: Adversary, occasion: Occasion) -> Raw:
    return updates.disguised(occasion.base, occasion.random)


def _free_rider_delta(adversary: Adversary, occasion: Occasion) -> Raw:
    before = occasion.before()
    known = occasion.base if before is None else updates.extrapolated(occasion.base, before)
    return updates.disguised(known, occasion.random)


def _replay(adversary: Adversary, occasion: Occasion) -> Raw | None:
    earlier = occasion.earlier()
    return honest(occasion) if earlier is None else earlier


def _copy(adversary: Adversary, occasion: Occasion) -> Raw | None:
    return occasion.accomplices()


def _collusion(adversary: Adversary, occasion: Occasion) -> Raw | None:
    theirs = occasion.accomplices()
    return None if theirs is None else updates.disguised(theirs, occasion.random)


_ON_UPDATES: dict[str, Callable[[Adversary, Occasion], Raw | None]] = {
    "scale": _scale,
    "sign-flip": _sign_flip,
    "gaussian": _gaussian,
    "nan": _nan,
    "constrain-and-scale": _constrain_and_scale,
    "free-rider": _free_rider,
    "free-rider-delta": _free_rider_delta,
    "replay": _replay,
    "copy": _copy,
    "collusion": _collusion,
}
