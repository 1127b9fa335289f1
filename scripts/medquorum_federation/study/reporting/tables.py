# SPDX-License-Identifier: Apache-2.0
"""A study's results as Markdown: the answers to what a rule must show, then every figure."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import mean

from ..cell import UNATTACKED
from ..simulated.defences import DEFENCES
from .answers import told
from .conduct import SIGNIFICANT
from .strength import OURS, best_published
from .summary import Group, Study, Training, accuracy, paired, spread, treatment
from .wording import label, table

__all__ = ["report"]

REFERENCES = ("root-alone", "honest")
TREATED = (OURS, "prefix", "strict", "fltrust", "multi-krum")
LOOKED_INTO = (OURS, "prefix", *REFERENCES)


def report(title: str, trainings: Sequence[Training]) -> str:
    """Return all tables of a grid, of the cells that are done."""
    study = Study(trainings)
    seeds = sorted({cell.seed for cell, _ in trainings})
    parts = [
        f"# {title}",
        f"{len(trainings)} trainings, seeds {', '.join(map(str, seeds))}; ± is half of the 95 % interval over seeds.",
        "## What a rule must show",
        told(study),
        "## Final accuracy, %",
        _accuracies(study),
        "## `direction` minus others, points",
        _compared(study),
        "## Refused, weight and harm",
        _fairness(study),
        "## Attack success, %",
        _successes(study),
        "## Balanced accuracy, worst class, worst hospital on its own distribution, %",
        _worst(study),
    ]
    return "\n\n".join(parts) + "\n"


def _accuracies(study: Study) -> str:
    rules = [rule for rule in DEFENCES if rule in study.rules and rule not in REFERENCES]
    rows = []
    for cell in study.settings.values():
        if any(study.get(cell, rule) for rule in rules):
            rows.append([label(cell), *(_percent(study.get(cell, rule)) for rule in (*REFERENCES, *rules))])
    return table(["setting", "root alone", "honest", *rules], rows)


def _percent(group: Group | None) -> str:
    return accuracy(group).percent() if group else ""


def _compared(study: Study) -> str:
    rows = []
    for cell, ours in study.under(OURS):
        best = best_published(study, cell)
        others = [study.get(cell, rule) if rule else None for rule in ("honest", "prefix", best, "root-alone")]
        rows.append([label(cell), *(_difference(ours, other) for other in others), best or ""])
    return table(["setting", "honest", "prefix", "best published", "root alone", "which is best"], rows)


def _difference(ours: Group, other: Group | None) -> str:
    difference = paired(ours, other)
    if difference is None:
        return ""
    return f"{100 * difference.mean:+.1f}" + (" (worse)" if difference.is_worse else "")


def _fairness(study: Study) -> str:
    rows = []
    for rule in TREATED:
        for cell, group in study.under(rule):
            treated = [treatment(result) for result in group.values()]
            harms = [harm for result in group.values() for harm in result["harms"]]
            harmful = [str(sum(harm[f"{kind}_z"] > SIGNIFICANT for harm in harms)) for kind in ("accuracy", "margin")]
            refused, share = mean(each.refused for each in treated), mean(each.share for each in treated)
            idle = mean(each.idle for each in treated)
            harm = f"{' / '.join(harmful)} of {len(harms)}" if harms else ""
            rows.append([label(cell), rule, f"{100 * refused:.1f}", f"{idle:.1f}", f"{100 * share:.1f}", harm])
    heads = ["setting", "rule", "honest refused, %", "honest with weight in under half of the rounds"]
    return table([*heads, "attackers' weight, %", "harmful rounds: accuracy / margin"], rows)


def _successes(study: Study) -> str:
    rules = [rule for rule in DEFENCES if rule in study.rules and rule not in UNATTACKED]
    rows = []
    for cell in study.settings.values():
        groups = [study.get(cell, rule) for rule in rules]
        images = max((result["triggered"] or 0 for group in groups for result in (group or {}).values()), default=0)
        if images:
            rows.append([label(cell), f"{images:,}", *(_success(group) for group in groups)])
    return table(["setting", "images", *rules], rows)


def _success(group: Group | None) -> str:
    return spread(result["success"] for result in group.values()).percent() if group else ""


def _worst(study: Study) -> str:
    rows = []
    for rule in LOOKED_INTO:
        for cell, group in study.under(rule):
            fields = ("balanced", "worst_class", "worst_hospital")
            percents = [spread(result[field] for result in group.values()).percent() for field in fields]
            rows.append([label(cell), rule, *percents])
    return table(["setting", "rule", "balanced", "worst class", "worst hospital"], rows)
