# SPDX-License-Identifier: Apache-2.0
"""A run as one picture: accuracy by round beside what it would have been, and who was accepted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from .grid import cells, hospital_names, letters
from .report import Report

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["draw", "plot"]

HONEST, REFUSED, KEPT_OUT, POISONED, ABSENT = "#cfe8cf", "#f3e3a3", "#9cc4e4", "#e08a8a", "#f4f4f4"
COLOURS = {
    "honest, accepted": HONEST,
    "honest, refused": REFUSED,
    "attacked, refused": KEPT_OUT,
    "attacked, accepted": POISONED,
}


def plot(report: Report, path: Path) -> None:
    """Draw the curves and the grid into a PNG file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draw(report).savefig(path, dpi=120)


def draw(report: Report) -> Figure:
    """Return the picture; legends lie beside what is drawn, not on it."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # takes half a second
    from matplotlib.figure import Figure

    hospitals = hospital_names(report)
    height = 3.2 + 0.24 * max(len(hospitals), 2)
    figure = Figure(figsize=(8, height + 1.4), layout="constrained")
    FigureCanvasAgg(figure)
    top, bottom = figure.subplots(2, 1, height_ratios=(3.2, height - 3.2 + 0.4))
    _curves(top, report)
    _grid(bottom, report, hospitals)
    return figure


def _curves(axes: Any, report: Report) -> None:
    own = [report.initial_accuracy, *(item.accuracy for item in report.rounds)]
    axes.plot(range(len(own)), own, marker="o", label=report.label, zorder=3)
    for (name, curve), style in zip(report.references.items(), ("--", ":"), strict=False):
        axes.plot(range(len(curve)), curve, style, marker=".", label=f"{name} (simulated)")
    axes.set_xlabel("round")
    axes.set_ylabel("accuracy of the global model")
    axes.set_ylim(0, 1)
    axes.grid(alpha=0.3)
    axes.set_title(f"{report.model} on {report.data}, {report.network}", pad=20)
    axes.legend(fontsize="x-small", ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1.0), frameon=False)


def _grid(axes: Any, report: Report, hospitals: list[str]) -> None:
    from matplotlib.colors import to_rgb
    from matplotlib.patches import Patch

    of_reason = letters(report)
    rows = [cells(hospital, report.rounds) for hospital in hospitals]
    if rows:
        axes.imshow(
            [[to_rgb(_colour(cell.took_part, cell.attacked, cell.accepted)) for cell in row] for row in rows],
            aspect="auto",
        )
    if len(report.rounds) <= 40:
        for down, row in enumerate(rows):
            for across, cell in enumerate(row):
                if cell.reason is not None:
                    axes.text(across, down, of_reason[cell.reason], ha="center", va="center", fontsize="x-small")
    axes.set_yticks(range(len(hospitals)), hospitals, fontsize="x-small")
    axes.set_xticks(range(0, len(report.rounds), max(1, len(report.rounds) // 20)))
    axes.set_xticklabels([str(report.rounds[int(tick)].number) for tick in axes.get_xticks()], fontsize="x-small")
    told = "   ".join(f"{letter}: {reason}" for reason, letter in of_reason.items())
    axes.set_xlabel(f"round{'      refused for ' + told if told else ''}", fontsize="small")
    patches = [Patch(color=colour, label=label) for label, colour in COLOURS.items()]
    axes.legend(
        handles=patches, fontsize="x-small", ncols=4, loc="lower center", bbox_to_anchor=(0.5, 1.0), frameon=False
    )


def _colour(took_part: bool, attacked: bool, accepted: bool) -> str:
    if not took_part:
        return ABSENT
    if attacked:
        return POISONED if accepted else KEPT_OUT
    return HONEST if accepted else REFUSED
