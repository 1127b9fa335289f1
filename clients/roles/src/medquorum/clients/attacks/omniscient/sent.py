# SPDX-License-Identifier: Apache-2.0
"""What an omniscient attacker sends: the attack's step as an update that the wire holds."""

from __future__ import annotations

from collections.abc import Callable

from medquorum.clients.attacks import triggers, updates
from medquorum.clients.attacks.occasion import Occasion, Raw
from medquorum.clients.attacks.omniscient import against_root, distances, fang, statistics
from medquorum.clients.attacks.omniscient.adaptive import adaptive, adaptive_hidden
from medquorum.clients.attacks.omniscient.knowledge import Floats, Knowledge
from medquorum.clients.attacks.omniscient.mimic import mimic
from medquorum.clients.data.images import Images
from medquorum.errors import ConfigError

__all__ = ["sent"]


def sent(attack: str, occasion: Occasion, factor: float, flipped: Callable[[], Images], target: int = 0) -> Raw:
    """Return the update of an omniscient attack, each parameter changed by a unit at most: no byte-equal duplicates.

    Parameters
    ----------
    factor
        Of ipm.
    flipped
        Returns the images with false labels that ``adaptive`` wants the next model to fit.
    target
        The class of the adaptive backdoor.

    Raises
    ------
    ConfigError
        Nobody shows this hospital the others' updates.
    """
    if occasion.known is None:
        raise ConfigError(f"the attack {attack} needs the honest updates of the round", "Run it in the simulation")
    known = occasion.known()
    step = _step(attack, known, occasion, factor, flipped, target)
    return updates.disguised(updates.on_wire(occasion.base + step), occasion.random)


def _step(
    attack: str, known: Knowledge, occasion: Occasion, factor: float, flipped: Callable[[], Images], target: int
) -> Floats:
    honest = known.honest
    match attack:
        case "adaptive":
            return adaptive(known, flipped())
        case "adaptive-backdoor":
            return adaptive(known, triggers.badnets(occasion.images, target, occasion.random))
        case "adaptive-hidden":
            return adaptive_hidden(known, flipped(), _tried(attack, known))
        case "fang-trim":
            return fang.fang_trim(honest, occasion.base.astype(float), occasion.random)
        case "ipm-optimal":
            return statistics.ipm_optimal(honest, known.attackers, _tried(attack, known))
        case "ipm":
            return statistics.ipm(honest, factor)
    simple: dict[str, Callable[[], Floats]] = {
        "alie": lambda: statistics.alie(honest, known.attackers),
        "min-max": lambda: distances.min_max(honest),
        "min-sum": lambda: distances.min_sum(honest),
        "fang-krum": lambda: fang.fang_krum(honest, known.attackers),
        "mimic": lambda: mimic(honest),
        "fltrust-adaptive": lambda: against_root.fltrust_adaptive(honest, known.attackers, known.root),
        "first-in-order": lambda: against_root.first_in_order(honest, known.root),
        "raise-the-bar": lambda: against_root.raise_the_bar(honest, known.root),
    }
    return simple[attack]()


def _tried(attack: str, known: Knowledge) -> Callable[[Floats], Floats]:
    if known.aggregate is None:
        raise ConfigError(f"the attack {attack} tries the defence, which cannot be tried here", "Use ipm or adaptive")
    return known.aggregate
