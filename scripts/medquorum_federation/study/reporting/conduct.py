# SPDX-License-Identifier: Apache-2.0
"""Whom ``direction`` hears and refuses, what poisoned updates cost a round, and how often an attack gets its way."""

from __future__ import annotations

from pathlib import Path
from statistics import mean

from ..cell import Cell
from ..simulated.measures import EASIEST
from .answer import Answer
from .strength import OURS, is_like
from .summary import Group, Study, treatment
from .wording import label

__all__ = ["SIGNIFICANT", "harmful", "heard", "refused", "successful"]

SIGNIFICANT = 2.33
"""Of a normal variable: one round in a hundred passes it by chance."""
ABOVE_CLEAN = 0.05
TWO_CLASSES = ("pneumoniamnist",)


def harmful(study: Study, measure: str) -> Answer:
    """Return in how many rounds poisoned updates cost something significant; up to 30 % attacking."""
    bad, count, where = 0, 0, []
    for cell, ours in study.under(OURS):
        if 10 * cell.attackers > 3 * cell.hospitals:
            continue
        harms = [harm for result in ours.values() for harm in result["harms"]]
        costs = [harm[measure] for harm in harms if harm[f"{measure}_z"] > SIGNIFICANT]
        bad, count = bad + len(costs), count + len(harms)
        if costs:
            where.append(f"{label(cell)}: {len(costs)} of {len(harms)} rounds, {max(costs):.3f} at most")
    found = f"{bad} of {count} rounds measured" if count else ""
    return Answer(
        f"harm of a round, {measure}: significant in 2 % at most, up to 30 %", found, 50 * bad <= count, where
    )


def refused(study: Study, dealt: str, most: float) -> Answer:
    """Return which part of honest updates is refused: ``evenly dealt``, or else Dir(0.3) with over two classes."""
    parts: list[tuple[Cell, float]] = []
    for cell, ours in study.under(OURS):
        even = cell.alpha is None
        several = Path(cell.data).stem not in TWO_CLASSES
        if even if dealt == "evenly dealt" else (cell.alpha == 0.3 and several):
            parts.append((cell, mean(treatment(result).refused for result in ours.values())))
    over = [f"{label(cell)}: {100 * part:.1f} %" for cell, part in parts if part > most]
    overall = f"{100 * mean(part for _, part in parts):.1f} %" if parts else ""
    found = f"{overall}, {len(parts) - len(over)} of {len(parts)} settings" if parts else ""
    return Answer(f"honest updates refused, {dealt}: {100 * most:.0f} % at most", found, not over, over)


def heard(study: Study) -> Answer:
    """Return how many honest hospitals have weight in at least half of the rounds."""
    idle, count, where = 0, 0, []
    for cell, ours in study.under(OURS):
        if not is_like(cell):
            continue
        honest = sum(cell.hospitals - len(result["poisoned"]) for result in ours.values())
        seldom = sum(treatment(result).idle for result in ours.values())
        idle, count = idle + seldom, count + honest
        if seldom:
            where.append(f"{label(cell)}: {seldom} of {honest}")
    found = f"{count - idle} of {count} hospitals" if count else ""
    return Answer("honest hospitals with weight in half of the rounds: all, but for Dir(0.1)", found, not idle, where)


def successful(study: Study) -> Answer:
    """Return how often BadNets and flips get their way; beside it the undefended rate and that without an attack."""
    rates, where = [], []
    for cell, ours in study.under(OURS):
        if cell.attack not in EASIEST or 10 * cell.attackers != 3 * cell.hospitals:
            continue
        rate, undefended = _rate(ours, "success") or 0.0, _rate(study.get(cell, "mean"), "success")
        quiet = cell.model_copy(update={"attack": None, "attackers": 0})
        clean = _rate(study.get(quiet, OURS), f"clean-{cell.attack}")
        rates.append(rate)
        if rate > (clean or 0.0) + ABOVE_CLEAN or (undefended is not None and rate > undefended):
            beside = [("undefended", undefended), ("without an attack", clean)]
            said = [f"{name} " + ("unknown" if value is None else f"{100 * value:.1f} %") for name, value in beside]
            where.append(", ".join([f"{label(cell)}: {100 * rate:.1f} %", *said]))
    found = f"{100 * min(rates):.1f} to {100 * max(rates):.1f} % in {len(rates)} settings" if rates else ""
    must = "success of BadNets and flips by 30 %: below undefended, and below that without an attack + 5 points"
    return Answer(must, found, not where, where)


def _rate(group: Group | None, name: str) -> float | None:
    rates = [result[name] for result in (group or {}).values() if result.get(name) is not None]
    return mean(rates) if rates else None
