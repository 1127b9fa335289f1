# SPDX-License-Identifier: Apache-2.0
"""A study's results as Markdown: accuracies, and the answers to what a rule must show."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .cell import Cell
from .defences import DEFENCES, PUBLISHED
from .summary import Group, Key, grouped, paired, spread

__all__ = ["report"]

OURS = "direction"
SIGNIFICANT = 2.33
"""Of a normal variable: one round in a hundred passes it by chance."""
POINT = 0.01


def report(title: str, trainings: Sequence[tuple[Cell, dict[str, Any]]]) -> str:
    """Return all tables of a grid, of the cells that are done."""
    groups = grouped(trainings)
    settings = {cell.setting: cell for cell, _ in trainings}
    parts = [
        f"# {title}",
        f"{len(trainings)} trainings.",
        "## Final accuracy, %",
        _accuracies(groups, settings),
        "## Against honest averaging, `prefix` and the best published defence",
        _compared(groups, settings),
        "## Refused, weight and harm",
        _fairness(groups, settings),
        "## Attack success, %",
        _successes(groups, settings),
        "## Balanced accuracy, worst class, worst hospital on its own distribution, %",
        _worst(groups, settings),
    ]
    return "\n\n".join(parts) + "\n"


def _accuracies(groups: Mapping[Key, Group], settings: Mapping[str, Cell]) -> str:
    rules = [
        rule for rule in DEFENCES if rule not in ("honest", "root-alone") and any(key[1] == rule for key in groups)
    ]
    rows = []
    for name, cell in settings.items():
        cells = [_accuracy(reference(groups, cell, rule)) for rule in ("root-alone", "honest")]
        accuracies = [_accuracy(groups.get((name, rule))) for rule in rules]
        if any(accuracies):
            rows.append([name, *cells, *accuracies])
    return table(["setting", "root alone", "honest", *rules], rows)


def reference(groups: Mapping[Key, Group], cell: Cell, rule: str) -> Group | None:
    """Return the results of honest averaging over as many hospitals as are honest in a cell, or of the root alone."""
    attackers = cell.attackers if rule == "honest" else 0
    return groups.get((cell.model_copy(update={"attack": None, "attackers": attackers}).setting, rule))


def _accuracy(group: Group | None) -> str:
    return spread(result["final_accuracy"] for result in group.values()).percent() if group else ""


def _compared(groups: Mapping[Key, Group], settings: Mapping[str, Cell]) -> str:
    rows = []
    for name, cell in settings.items():
        ours = groups.get((name, OURS))
        if ours is None:
            continue
        published = {rule: groups[name, rule] for rule in (*PUBLISHED, "fltrust-step") if (name, rule) in groups}
        best = max(
            published, key=lambda rule: spread(r["final_accuracy"] for r in published[rule].values()).mean, default=""
        )
        others = [reference(groups, cell, "honest"), groups.get((name, "prefix")), published.get(best)]
        alone = reference(groups, cell, "root-alone")
        rows.append([name, *(_difference(ours, other) for other in (*others, alone)), best])
    return table(["setting", "minus honest", "minus prefix", "minus best published", "minus root alone", "best"], rows)


def _difference(ours: Group, other: Group | None) -> str:
    difference = paired(ours, other) if other else None
    if difference is None:
        return ""
    worse = difference.mean < -max(POINT, 2 * difference.error)
    return f"{100 * difference.mean:+.1f}" + (" (worse)" if worse else "")


def _fairness(groups: Mapping[Key, Group], settings: Mapping[str, Cell]) -> str:
    rows = []
    for (name, rule), group in groups.items():
        if rule not in (OURS, "prefix", "strict", "fltrust", "multi-krum") or name not in settings:
            continue
        refused, idle, share = (spread(values).mean for values in zip(*map(_treatment, group.values()), strict=True))
        harms = [harm for result in group.values() for harm in result["harms"]]
        harmful = [sum(harm[f"{kind}_z"] > SIGNIFICANT for harm in harms) for kind in ("accuracy", "margin")]
        told = f"{harmful[0]} / {harmful[1]} of {len(harms)}" if harms else ""
        rows.append([name, rule, f"{100 * refused:.1f}", f"{idle:.1f}", f"{100 * share:.1f}", told])
    heads = ["setting", "rule", "honest refused, %", "honest with weight in under half of the rounds"]
    return table([*heads, "attackers' weight, %", "harmful rounds: accuracy / margin"], rows)


def _treatment(result: Mapping[str, Any]) -> tuple[float, float, float]:
    """Return the part of honest updates refused, how many honest are seldom heard, and the attackers' weight."""
    rounds = len(result["accuracy"]) - 1
    honest = [name for name in result["refused"] if name not in result["poisoned"]]
    refused = sum(result["refused"][name] for name in honest) / (rounds * len(honest))
    idle = sum(2 * result["weighted"][name] < rounds for name in honest)
    return refused, idle, result["poisoned_share"] or 0.0


def _successes(groups: Mapping[Key, Group], settings: Mapping[str, Cell]) -> str:
    rows = []
    rules = [rule for rule in DEFENCES if any(key[1] == rule for key in groups) and rule != "root-alone"]
    for name, cell in settings.items():
        measured = [groups.get((name, rule)) for rule in rules if rule != "honest"]
        images = max((r["triggered"] or 0 for group in measured if group for r in group.values()), default=0)
        if images and cell.attack:
            rows.append(
                [name, f"{images:,}", *(_success(groups.get((name, rule))) for rule in rules if rule != "honest")]
            )
    return table(["setting", "images", *(rule for rule in rules if rule != "honest")], rows)


def _success(group: Group | None) -> str:
    return spread(result["success"] for result in group.values()).percent() if group else ""


def _worst(groups: Mapping[Key, Group], settings: Mapping[str, Cell]) -> str:
    rows = []
    for (name, rule), group in groups.items():
        if rule in (OURS, "prefix", "honest", "root-alone") and name in settings:
            percentages = (
                spread(r[field] for r in group.values()).percent()
                for field in ("balanced", "worst_class", "worst_hospital")
            )
            rows.append([name, rule, *percentages])
    return table(["setting", "rule", "balanced", "worst class", "worst hospital"], rows)


def table(heads: Iterable[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    heads = list(heads)
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])
