# SPDX-License-Identifier: Apache-2.0
"""A study's settings and tables in words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ..cell import Cell
from ..grids import DATA

__all__ = ["label", "table"]

_NAMES = {"mnist": "MNIST", "mednist_28": "MedNIST", "pneumoniamnist": "PneumoniaMNIST"}
_ATTACKS = {"pairwise-flip": "flip", "badnets": "BadNets", "alie": "ALIE", "min-max": "Min-Max", "ipm": "IPM"}
_SAID = {"data", "alpha", "attack", "attackers", "hospitals", "rule", "seed", "constants"}


def label(cell: Cell) -> str:
    """Name data, dealing, attack and all that differs from the data set's usual training."""
    dealt = "evenly" if cell.alpha is None else f"Dir({cell.alpha:g})"
    attack = "none"
    if cell.attack is not None:
        attack = f"{_ATTACKS.get(cell.attack, cell.attack)}, {cell.attackers} of {cell.hospitals}"
    usual: dict[str, Any] = {name: field.default for name, field in Cell.model_fields.items()}
    usual |= DATA.get(cell.data, {})
    others = [f"{name} {value}" for name, value in cell if name not in _SAID and value != usual[name]]
    others += [f"{name} {value}" for name, value in cell.constants]
    stem = Path(cell.data).stem
    return "; ".join([_NAMES.get(stem, stem), dealt, attack, *others])


def table(heads: Iterable[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    heads = list(heads)
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])
