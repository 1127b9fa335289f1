# SPDX-License-Identifier: Apache-2.0
"""The attacks by name, and which of them a hospital can carry out alone."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

from medquorum.errors import ConfigError

__all__ = ["ATTACKS", "FOLLOWERS", "OMNISCIENT", "Alone", "Attack", "attack_named"]

Alone: TypeAlias = Literal[
    "static-label",
    "random-labels",
    "label-flip",
    "pairwise-flip",
    "badnets",
    "dba",
    "edge-case",
    "constrain-and-scale",
    "sleeper",
    "scale",
    "sign-flip",
    "gaussian",
    "nan",
    "free-rider",
    "free-rider-delta",
    "replay",
    "copy",
    "collusion",
]
"""What a hospital needs for these it has in a network run: its images, its models, an accomplice's folder."""
Omniscient: TypeAlias = Literal[
    "alie",
    "ipm",
    "ipm-optimal",
    "min-max",
    "min-sum",
    "fang-krum",
    "fang-trim",
    "mimic",
    "fltrust-adaptive",
    "first-in-order",
    "raise-the-bar",
    "adaptive",
    "adaptive-backdoor",
    "adaptive-hidden",
]
"""These need the honest hospitals' updates of the same round, which nobody sees before its own is due."""
Attack: TypeAlias = Alone | Omniscient

ATTACKS: tuple[Alone, ...] = get_args(Alone)
OMNISCIENT: tuple[Omniscient, ...] = get_args(Omniscient)
FOLLOWERS = ("copy", "collusion")
"""These send what an accomplice sends."""


def attack_named(name: str) -> Alone:
    """Return the attack of this name, one that a hospital can carry out alone.

    Raises
    ------
    ConfigError
        There is none, or it needs what a hospital in a network does not see.
    """
    if name in OMNISCIENT:
        raise ConfigError(
            f"the attack {name} needs the honest hospitals' updates of the round, which a network shows nobody in time",
            f"Run it in the simulation: scripts/experiments rules --grid attacks --only {name}",
        )
    for attack in ATTACKS:
        if attack == name:
            return attack
    raise ConfigError(f"there is no attack named {name}", f"Use one of {', '.join(ATTACKS)}")
