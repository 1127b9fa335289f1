# SPDX-License-Identifier: Apache-2.0
"""Cells with their results, grouped over seeds: what tables and figures are made of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import sqrt
from statistics import mean, stdev
from typing import Any

from .cell import Cell

__all__ = ["Group", "Key", "Spread", "grouped", "paired", "spread"]

STUDENT = {2: 12.71, 3: 4.30, 4: 3.18, 5: 2.78, 6: 2.57, 7: 2.45, 8: 2.36, 9: 2.31, 10: 2.26}
"""Student's 97.5 % quantile by the number of seeds."""
Key = tuple[str, str]
"""A setting (data, dealing, attack and what else differs), and a rule."""
Group = dict[int, dict[str, Any]]
"""Results by seed."""


@dataclass(frozen=True)
class Spread:
    """A mean over seeds, its standard error, and half of its 95 % interval; both 0 of one seed."""

    mean: float
    error: float
    half: float

    def percent(self) -> str:
        """Return it as percent, with the interval where there is one."""
        return f"{100 * self.mean:.1f}" + (f" ± {100 * self.half:.1f}" if self.half else "")


def spread(values: Iterable[float]) -> Spread:
    """Return mean, standard error and interval of values of different seeds."""
    given = list(values)
    error = stdev(given) / sqrt(len(given)) if len(given) > 1 else 0.0
    return Spread(mean(given), error, error * STUDENT.get(len(given), 1.96))


def grouped(trainings: Iterable[tuple[Cell, dict[str, Any]]]) -> dict[Key, Group]:
    """Group results by setting and rule."""
    groups: dict[Key, Group] = {}
    for cell, result in trainings:
        # Honest averaging and the root alone are the same under every attack.
        attack: dict[str, Any] = {}
        if cell.rule in ("root-alone", "honest", "honest-half"):
            attack = {"attack": None, "attackers": 0 if cell.rule == "root-alone" else cell.attackers}
        groups.setdefault((cell.model_copy(update=attack).setting, cell.rule), {})[cell.seed] = result
    return groups


def paired(ours: Group, other: Group, field: str = "final_accuracy") -> Spread | None:
    """Return the difference over the seeds that both have; None where there is none."""
    shared = sorted(set(ours) & set(other))
    return spread(ours[seed][field] - other[seed][field] for seed in shared) if shared else None
