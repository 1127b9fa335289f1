# SPDX-License-Identifier: Apache-2.0
"""What a grid of trainings ends with: a table, the same as Markdown, and a plot of accuracy by round."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

from rich.table import Table

__all__ = ["HEADINGS", "console_table", "curve", "markdown", "plot_curves", "rows"]

HEADINGS = ("cell", "accuracy per seed", "mean", "poisoned accepted", "honest refused", "s / round")
Results = Mapping[str, Sequence[dict[str, Any]]]
"""Per cell one result for each seed that is done: a ``Report`` or a simulation, as plain values."""


def rows(cell_results: Results) -> list[tuple[str, ...]]:
    """Return a row per cell with results: final accuracies, and counts over rounds and seeds."""
    return [_row(cell, results) for cell, results in cell_results.items() if results]


def _row(cell: str, results: Sequence[dict[str, Any]]) -> tuple[str, ...]:
    finals = [result["final_accuracy"] for result in results]
    poisoned, poisoned_refused, honest, honest_accepted = (
        sum(result[name] for result in results)
        for name in ("poisoned_accepted", "poisoned_refused", "honest_refused", "honest_accepted")
    )
    seconds = [item["seconds"] for result in results for item in result.get("rounds", [])]
    return (
        cell,
        " ".join(f"{final:.1%}" for final in finals),
        f"{mean(finals):.1%}",
        f"{poisoned} of {poisoned + poisoned_refused}",
        f"{honest} of {honest + honest_accepted}",
        f"{mean(seconds):.1f}" if seconds else "simulated",
    )


def console_table(name: str, results: Results) -> Table:
    """Return the table for a terminal."""
    table = Table(*HEADINGS, title=f"{name}: final accuracy per seed; sums over rounds and seeds")
    for row in rows(results):
        table.add_row(*row)
    return table


def markdown(name: str, results: Results) -> str:
    """Return the table as Markdown."""
    lines = [f"# {name}", "", "| " + " | ".join(HEADINGS) + " |", "|" + "---|" * len(HEADINGS)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows(results))]) + "\n"


def curve(result: Mapping[str, Any]) -> list[float]:
    """Return the global model's accuracy from round 0, of a network's report or of a simulation."""
    if "accuracy" in result:
        return list(result["accuracy"])
    return [result["initial_accuracy"], *(item["accuracy"] for item in result["rounds"])]


def plot_curves(name: str, cell_results: Results, place: Path) -> None:
    """Draw accuracy by round, one line per cell: the mean over the seeds; a shade from the worst to the best."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(8, 5.5))
    for index, (cell, results) in enumerate((cell, results) for cell, results in cell_results.items() if results):
        points = list(zip(*(curve(result) for result in results), strict=True))
        numbers = range(len(points))
        style = ("-", "--", ":", "-.")[index // 10 % 4]
        axes.plot(numbers, [mean(values) for values in points], style, marker=".", label=cell)
        axes.fill_between(numbers, [min(values) for values in points], [max(values) for values in points], alpha=0.12)
    axes.set_xlabel("round")
    axes.set_ylabel("accuracy on images nobody trained or judged on")
    axes.set_ylim(0, 1)
    axes.grid(alpha=0.3)
    axes.set_title(name)
    axes.legend(fontsize="x-small", ncols=2)
    figure.tight_layout()
    figure.savefig(place, dpi=120)
    plt.close(figure)
