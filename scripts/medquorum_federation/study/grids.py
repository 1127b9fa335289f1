# SPDX-License-Identifier: Apache-2.0
"""The study's grids: lists of cells, those of one federation together."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from typing import Any

from medquorum.clients.attacks.catalogue import Attack

from .cell import Cell
from .simulated.defences import PUBLISHED

__all__ = ["GRIDS"]

DATA: dict[str, dict[str, Any]] = {
    "mnist": {"data": "mnist", "rounds": 8},
    "mednist_28": {"data": "mednist_28", "model": "lenet", "limit": 4000, "epochs": 2, "rounds": 10},
    "pneumoniamnist": {"data": "pneumoniamnist", "model": "lenet", "epochs": 2, "rounds": 10},
}
"""MNIST's hospitals have 6,000 images, the others' 400 and 470: small hospitals are what medicine has."""
ATTACKS: tuple[Attack, ...] = (
    "pairwise-flip",
    "label-flip",
    "alie",
    "min-max",
    "ipm",
    "fang-trim",
    "badnets",
    "adaptive",
)
RULES = ("direction", "prefix", "strict", "fltrust", "multi-krum", "mean")
SMALL_RULES = ("direction", "prefix", "fltrust-step", "multi-krum", "mean")
ALPHAS = (None, 0.3, 0.1)


def _dealt(data: str, alpha: float | None, seed: int) -> dict[str, Any]:
    return DATA[data] | {"alpha": alpha, "seed": seed}


def _attacked(
    setting: dict[str, Any], attacks: Iterable[Attack], counts: Iterable[int], rules: Iterable[str]
) -> Iterator[Cell]:
    for rule, attack, count in itertools.product(rules, attacks, counts):
        yield Cell(**setting, rule=rule, attack=attack, attackers=count)


def _references(setting: dict[str, Any], counts: Iterable[int]) -> Iterator[Cell]:
    """Yield what every rule is held against: the honest alone, as many as are left, and the root alone."""
    yield Cell(**setting, rule="root-alone")
    yield Cell(**setting, rule="honest")
    for count in counts:
        yield Cell(**setting, rule="honest", attack="pairwise-flip", attackers=count)


def _core(seeds: Sequence[int]) -> Iterator[Cell]:
    """Yield all data sets, dealings, attacks, rules, shares: 2,592 attacked cells with three seeds, and references."""
    for seed, data, alpha in itertools.product(seeds, DATA, ALPHAS):
        setting = _dealt(data, alpha, seed)
        yield from _references(setting, (3, 5))
        for rule in RULES:
            yield Cell(**setting, rule=rule)
        yield from _attacked(setting, ATTACKS, (3, 5), RULES)


def _small(seeds: Sequence[int]) -> Iterator[Cell]:
    """Yield what the questions need: four attacks, five rules, like and unlike hospitals (0.3); 60 % on MNIST."""
    for seed, (data, alpha) in itertools.product(seeds, itertools.product(DATA, (None, 0.3))):
        setting = _dealt(data, alpha, seed)
        yield from _references(setting, (3, 5))
        for rule in SMALL_RULES:
            yield Cell(**setting, rule=rule)
            yield from _attacked(setting, ("pairwise-flip", "badnets", "adaptive"), (3,), (rule,))
            yield from _attacked(setting, ("pairwise-flip", "min-max"), (5,), (rule,))
        if (data, alpha) == ("mnist", None):
            majority: tuple[Attack, ...] = ("pairwise-flip", "min-max", "alie")
            yield from _attacked(setting, majority, (6,), ("direction", "mean", "multi-krum"))


def _attacks(seeds: Sequence[int]) -> Iterator[Cell]:
    """Yield every attack of the simulation against ``direction`` and ``prefix``; MNIST, unlike hospitals, 30 %."""
    every: tuple[Attack, ...] = (
        *ATTACKS,
        *("static-label", "random-labels", "dba", "edge-case", "constrain-and-scale", "sleeper", "scale", "sign-flip"),
        *("gaussian", "nan", "free-rider", "free-rider-delta", "replay", "collusion", "ipm-optimal", "min-sum"),
        *("fang-krum", "mimic", "fltrust-adaptive", "first-in-order", "raise-the-bar", "adaptive-backdoor"),
        "adaptive-hidden",
    )
    for seed in seeds:
        setting = _dealt("mnist", 0.3, seed)
        yield from _references(setting, (3,))
        yield from _attacked(setting, every, (3,), ("direction", "prefix"))


def _baselines(seeds: Sequence[int]) -> Iterator[Cell]:
    """Yield every published defence on one flip and one optimised attack; MNIST, 30 %."""
    for seed, alpha in itertools.product(seeds, (None, 0.3)):
        setting = _dealt("mnist", alpha, seed)
        yield from _references(setting, (3,))
        rules = ("direction", "prefix", "strict", "none", "root-as-hospital", "honest-half", "fltrust-step", *PUBLISHED)
        yield from _attacked(setting, ("pairwise-flip", "min-max"), (3,), rules)


def _one_factor(seeds: Sequence[int]) -> Iterator[Cell]:
    """Yield one factor at a time, from MNIST, unlike hospitals, 30 % pairwise flips."""
    factors: list[dict[str, Any]] = [
        *({"verification": size} for size in (50, 100, 200)),
        *({"root": root} for root in ("one-missing", "mislabelled", "shifted", "poisoned")),
        *({"attackers": count} for count in (1, 5, 6, 8)),
        {"hospitals": 30, "attackers": 9},
        *({"mix": Fraction(part, 4)} for part in (0, 1, 3)),
        *({"epochs": epochs} for epochs in (2, 5)),
        {"rounds": 50},
    ]
    for seed, factor, rule in itertools.product(seeds, [{}, *factors], ("direction", "prefix")):
        setting = _dealt("mnist", 0.3, seed) | {"attack": "pairwise-flip", "attackers": 3} | factor
        yield Cell(**setting, rule=rule)


GRIDS: dict[str, Callable[[Sequence[int]], Iterator[Cell]]] = {
    "small": _small,
    "core": _core,
    "attacks": _attacks,
    "baselines": _baselines,
    "one-factor": _one_factor,
}
