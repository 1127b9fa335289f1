# SPDX-License-Identifier: Apache-2.0
"""Cells with their results, grouped over seeds: what tables, answers and figures are made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import sqrt
from statistics import mean, stdev
from typing import Any

from ..cell import UNATTACKED, Cell

__all__ = ["Group", "Spread", "Study", "Training", "Treatment", "accuracy", "paired", "spread", "treatment"]

STUDENT = {2: 12.71, 3: 4.30, 4: 3.18, 5: 2.78, 6: 2.57, 7: 2.45, 8: 2.36, 9: 2.31, 10: 2.26}
"""Student's 97.5 % quantile by the number of seeds."""
POINT = 0.01
Training = tuple[Cell, Mapping[str, Any]]
"""A cell and its result."""
Group = dict[int, Mapping[str, Any]]
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

    @property
    def is_worse(self) -> bool:
        """Whether it, a difference, is below 0 by more than a point and more than two standard errors."""
        return self.mean < -max(POINT, 2 * self.error)


@dataclass(frozen=True)
class Treatment:
    """How a training treats its hospitals: part of honest updates refused, honest seldom heard, attackers' weight."""

    refused: float
    idle: int
    share: float


class Study:
    """Results by setting and rule.

    Attributes
    ----------
    settings
        A cell of each setting (all but rule and seed), by the setting's name.
    """

    def __init__(self, trainings: Iterable[Training]) -> None:
        self.settings: dict[str, Cell] = {}
        self._groups: dict[tuple[str, str], Group] = {}
        for cell, result in trainings:
            self.settings.setdefault(cell.setting, cell)
            self._groups.setdefault((_shared(cell, cell.rule), cell.rule), {})[cell.seed] = result

    @property
    def rules(self) -> set[str]:
        """The rules that have a result."""
        return {rule for _, rule in self._groups}

    def get(self, cell: Cell, rule: str) -> Group | None:
        """Return the results of a rule in a cell's setting; references are shared by all attacks."""
        return self._groups.get((_shared(cell, rule), rule))

    def under(self, rule: str) -> list[tuple[Cell, Group]]:
        """Return the settings that have results of a rule, with them."""
        found = ((cell, self._groups.get((name, rule))) for name, cell in self.settings.items())
        return [(cell, group) for cell, group in found if group]


def _shared(cell: Cell, rule: str) -> str:
    """Return a cell's setting; of honest averaging and of the root alone that which all attacks share."""
    if rule not in UNATTACKED:
        return cell.setting
    attackers = 0 if rule == "root-alone" else cell.attackers
    return cell.model_copy(update={"attack": None, "attackers": attackers}).setting


def spread(values: Iterable[float]) -> Spread:
    """Return mean, standard error and interval of values of different seeds."""
    given = list(values)
    error = stdev(given) / sqrt(len(given)) if len(given) > 1 else 0.0
    return Spread(mean(given), error, error * STUDENT.get(len(given), 1.96))


def accuracy(group: Group) -> Spread:
    """Return the final accuracy."""
    return spread(result["final_accuracy"] for result in group.values())


def paired(ours: Group, other: Group | None) -> Spread | None:
    """Return the difference in final accuracy over the seeds that both have; None where there is none."""
    shared = sorted(set(ours) & set(other or {}))
    return (
        spread(ours[seed]["final_accuracy"] - (other or {})[seed]["final_accuracy"] for seed in shared)
        if shared
        else None
    )


def treatment(result: Mapping[str, Any]) -> Treatment:
    """Return how a training treated its hospitals; seldom heard are those with weight in under half of the rounds."""
    rounds = len(result["accuracy"]) - 1
    honest = [name for name in result["refused"] if name not in result["poisoned"]]
    refused = sum(result["refused"][name] for name in honest) / (rounds * len(honest))
    idle = sum(2 * result["weighted"][name] < rounds for name in honest)
    return Treatment(refused, idle, result["poisoned_share"] or 0.0)
