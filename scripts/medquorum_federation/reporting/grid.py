# SPDX-License-Identifier: Apache-2.0
"""Hospital by round: who was accepted, who was refused and why, who attacked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Group
from rich.table import Table
from rich.text import Text

from .report import Report, Round

__all__ = ["Cell", "cells", "console_grid", "hospital_names", "letters"]

ACCEPTED, ABSENT = "✓", "·"
MOST_COLUMNS = 20


@dataclass(frozen=True)
class Cell:
    """One hospital in one round; without a reason it was accepted, if it ``took_part`` at all."""

    took_part: bool
    attacked: bool
    reason: str | None = None

    @property
    def accepted(self) -> bool:
        """True if its update is in the round's average."""
        return self.took_part and self.reason is None


def hospital_names(report: Report) -> list[str]:
    """Return the hospitals, ``Hospital2`` before ``Hospital10``."""
    named = {msp for item in report.rounds for msp in (*item.accepted, *item.refused, *item.attackers)}
    return [msp.removesuffix("MSP") for msp in sorted(named, key=lambda msp: (len(msp), msp))]


def cells(hospital: str, rounds: Sequence[Round]) -> list[Cell]:
    """Return a hospital's row."""
    msp = f"{hospital}MSP"
    return [
        Cell(msp in item.accepted or msp in item.refused, msp in item.attackers, item.refused.get(msp))
        for item in rounds
    ]


def letters(report: Report) -> dict[str, str]:
    """Return a letter for each reason that occurs: its first one that no other reason has."""
    letter_of: dict[str, str] = {}
    for reason in sorted({reason for item in report.rounds for reason in item.refused.values()}):
        free = (letter for letter in f"{reason}{reason.lower()}?" if letter.isalpha() or letter == "?")
        letter_of[reason] = next(letter for letter in free if letter not in letter_of.values() or letter == "?")
    return letter_of


def console_grid(report: Report) -> Group:
    """Return the grid for a terminal with its legend: the last rounds where there are many."""
    rounds, of_reason = report.rounds[-MOST_COLUMNS:], letters(report)
    told = ", ".join(f"{letter} {reason}" for reason, letter in of_reason.items())
    legend = f"{ACCEPTED} accepted; refused: {told or 'nobody'}; ! attacked; {ABSENT} sent nothing"
    table = Table(title="Who was accepted", padding=(0, 0))
    table.add_column("hospital")
    for item in rounds:
        table.add_column(str(item.number), justify="center", min_width=2)
    for hospital in hospital_names(report):
        table.add_row(hospital, *(_shown(cell, of_reason) for cell in cells(hospital, rounds)))
    return Group(table, legend)


def _shown(cell: Cell, of_reason: dict[str, str]) -> Text:
    sign = ABSENT if not cell.took_part else ACCEPTED if cell.reason is None else of_reason[cell.reason]
    if cell.attacked:
        return Text(f"{sign}!", "bold red" if cell.accepted else "green")
    return Text(sign, "" if cell.accepted else "yellow")
