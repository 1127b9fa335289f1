# SPDX-License-Identifier: Apache-2.0
"""A study's picture: final accuracy of each rule by setting, the mean over seeds, with the seeds as points."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import mean
from typing import Any

from ..cell import Cell
from ..simulated.defences import DEFENCES
from .summary import Study, Training
from .wording import label

__all__ = ["draw"]

COLUMNS = 3


def draw(trainings: Sequence[Training], place: Path) -> None:
    """Draw a panel for each data set and dealing: rules beside each other for each attack."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    study = Study(trainings)
    rules = [rule for rule in DEFENCES if rule in study.rules]
    panels: dict[str, list[Cell]] = {}
    for cell in study.settings.values():
        if any(study.get(cell, rule) for rule in rules):
            data, dealt, _ = label(cell).split("; ", 2)
            panels.setdefault(f"{data}, {dealt}", []).append(cell)
    rows = -(-len(panels) // COLUMNS)
    figure, axes = plt.subplots(rows, min(COLUMNS, len(panels)), figsize=(15, 4.2 * rows), squeeze=False)
    for panel, (title, cells) in zip(axes.flat, panels.items(), strict=False):
        _draw_panel(panel, study, cells, rules)
        panel.set_title(title)
    for unused in axes.flat[len(panels) :]:
        unused.set_axis_off()
    figure.legend(*axes.flat[0].get_legend_handles_labels(), loc="lower center", ncols=len(rules), fontsize="small")
    figure.tight_layout(rect=(0, 0.04, 1, 1))
    figure.savefig(place, dpi=110)
    plt.close(figure)


def _draw_panel(panel: Any, study: Study, cells: Sequence[Cell], rules: Sequence[str]) -> None:
    """Draw bars of the means and points of the seeds into a panel's axes."""
    for index, rule in enumerate(rules):
        given = [(at, group) for at, cell in enumerate(cells) if (group := study.get(cell, rule))]
        seeds = [[result["final_accuracy"] for result in group.values()] for _, group in given]
        offset = (index - len(rules) / 2) * 0.8 / len(rules)
        panel.bar([at + offset for at, _ in given], [mean(s) for s in seeds], 0.8 / len(rules), label=rule)
        for (at, _), values in zip(given, seeds, strict=True):
            panel.plot([at + offset] * len(values), values, ".", color="black", markersize=2)
    short = [label(cell).split("; ", 2)[2] for cell in cells]
    panel.set_xticks(range(len(cells)), short, rotation=60, ha="right", fontsize="x-small")
    panel.set_ylim(0, 1)
    panel.grid(axis="y", alpha=0.3)
