# SPDX-License-Identifier: Apache-2.0
"""A study's picture: final accuracy of each rule by setting, the mean over seeds, with the seeds as points."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import mean
from typing import Any

from .cell import Cell
from .defences import DEFENCES
from .summary import grouped

__all__ = ["draw"]

COLUMNS = 3


def draw(trainings: Sequence[tuple[Cell, dict[str, Any]]], place: Path) -> None:
    """Draw a panel for each data set and dealing: rules beside each other for each attack."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    groups = grouped(trainings)
    panels: dict[str, list[Cell]] = {}
    for cell, _ in trainings:
        same = panels.setdefault(f"{cell.data}, {'IID' if cell.alpha is None else f'Dir({cell.alpha:g})'}", [])
        if cell.setting not in [other.setting for other in same]:
            same.append(cell)
    rules = [rule for rule in DEFENCES if any(key[1] == rule for key in groups)]
    rows = -(-len(panels) // COLUMNS)
    figure, axes = plt.subplots(rows, min(COLUMNS, len(panels)), figsize=(15, 4.2 * rows), squeeze=False)
    for panel, (title, cells) in zip(axes.flat, panels.items(), strict=False):
        names = [cell.setting for cell in cells if any((cell.setting, rule) in groups for rule in rules)]
        for index, rule in enumerate(rules):
            given = [(at, groups[name, rule]) for at, name in enumerate(names) if (name, rule) in groups]
            seeds = [[result["final_accuracy"] for result in group.values()] for _, group in given]
            offset = (index - len(rules) / 2) * 0.8 / len(rules)
            panel.bar([at + offset for at, _ in given], [mean(s) for s in seeds], 0.8 / len(rules), label=rule)
            for (at, _), values in zip(given, seeds, strict=True):
                panel.plot([at + offset] * len(values), values, ".", color="black", markersize=2)
        short = ["-".join(name.split("-")[2:]) for name in names]
        panel.set_xticks(range(len(names)), short, rotation=60, ha="right", fontsize="x-small")
        panel.set_title(title)
        panel.set_ylim(0, 1)
        panel.grid(axis="y", alpha=0.3)
    for unused in axes.flat[len(panels) :]:
        unused.set_axis_off()
    figure.legend(*axes.flat[0].get_legend_handles_labels(), loc="lower center", ncols=len(rules), fontsize="small")
    figure.tight_layout(rect=(0, 0.04, 1, 1))
    figure.savefig(place, dpi=110)
    plt.close(figure)
