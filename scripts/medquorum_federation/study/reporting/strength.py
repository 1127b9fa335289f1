# SPDX-License-Identifier: Apache-2.0
"""How well ``direction`` trains beside others: paired over seeds, at the end of a training."""

from __future__ import annotations

from pathlib import Path
from statistics import mean

from medquorum.clients.attacks.catalogue import Attack

from ..cell import Cell
from ..simulated.defences import PUBLISHED
from .answer import Answer
from .summary import Spread, Study, accuracy, paired, spread
from .wording import label

__all__ = ["OURS", "against", "best_published", "is_like", "majority", "published", "two_classes"]

OURS = "direction"
WORTH = 0.03
"""By how much averaging over the honest has to beat the root alone for a setting to say something of a rule."""
AS_SHOWN = 0.0005
"""Half of the last digit that tables show: what is below by less is equal."""


def is_like(cell: Cell) -> bool:
    """Return whether hospitals are not very unlike: evenly dealt, or Dir(0.3) and above."""
    return cell.alpha is None or cell.alpha >= 0.3


def against(study: Study, rule: str, name: str) -> Answer:
    """Return whether accuracy is not below another rule's; up to half attacking, hospitals not very unlike."""
    known = _differences(study, rule)
    worse = [f"{label(cell)}: {_points(each)}" for cell, each in known if each.is_worse]
    found = f"{len(known) - len(worse)} of {len(known)} settings, mean {_mean(known)}" if known else ""
    must = f"against {name}: accuracy not below by more than 1 point and 2 standard errors; up to 50 %, not Dir(0.1)"
    return Answer(must, found, not worse, worse)


def published(study: Study) -> Answer:
    """Return in how many settings accuracy is the best published defence's at least, where a federation is worth it."""
    known: list[tuple[Cell, Spread]] = []
    for cell, ours in study.under(OURS):
        honest, best = study.get(cell, "honest"), best_published(study, cell)
        worth = paired(honest, study.get(cell, "root-alone")) if honest else None
        difference = paired(ours, study.get(cell, best)) if best else None
        if difference is not None and worth is not None and worth.mean >= WORTH:
            known.append((cell, difference))
    below = [f"{label(cell)}: {_points(each)}" for cell, each in known if each.mean < -AS_SHOWN]
    found = f"{len(known) - len(below)} of {len(known)} settings, mean {_mean(known)}" if known else ""
    must = "against the best published that ran: equal or better in 80 %, where averaging beats the root by 3 points"
    return Answer(must, found, 10 * len(below) <= 2 * len(known), below)


def best_published(study: Study, cell: Cell) -> str | None:
    """Return the published defence of the highest accuracy in a cell's setting."""
    groups = {rule: study.get(cell, rule) for rule in (*PUBLISHED, "fltrust-step")}
    there = {rule: accuracy(group).mean for rule, group in groups.items() if group}
    return max(there, key=lambda rule: there[rule], default=None)


def majority(study: Study, attack: Attack) -> Answer:
    """Return the accuracy on MNIST, evenly dealt, where 60 % attack, with two published defences beside it."""
    must = f"{attack} by 60 %, MNIST, evenly: above 90 %"
    for cell, ours in study.under(OURS):
        if (cell.data, cell.alpha, cell.attack, 10 * cell.attackers) == ("mnist", None, attack, 6 * cell.hospitals):
            beside = {rule: study.get(cell, rule) for rule in ("mean", "multi-krum")}
            others = [f"{rule} {accuracy(group).percent()}" for rule, group in beside.items() if group]
            return Answer(must, ", ".join([f"{accuracy(ours).percent()} %", *others]), accuracy(ours).mean > 0.9)
    return Answer(must)


def two_classes(study: Study) -> Answer:
    """Return the accuracy on PneumoniaMNIST, evenly dealt, without attackers."""
    must = "PneumoniaMNIST, evenly, no attackers, 5 seeds: above 83 %"
    for cell, ours in study.under(OURS):
        if (Path(cell.data).stem, cell.alpha, cell.attack) == ("pneumoniamnist", None, None):
            balanced = spread(result["balanced"] for result in ours.values()).percent()
            found = f"{accuracy(ours).percent()} %, balanced {balanced}, {len(ours)} seeds"
            return Answer(must, found, accuracy(ours).mean > 0.83)
    return Answer(must)


def _differences(study: Study, rule: str) -> list[tuple[Cell, Spread]]:
    chosen = [(c, ours) for c, ours in study.under(OURS) if is_like(c) and 2 * c.attackers <= c.hospitals]
    found = [(cell, paired(ours, study.get(cell, rule))) for cell, ours in chosen]
    return [(cell, difference) for cell, difference in found if difference is not None]


def _points(difference: Spread) -> str:
    return f"{100 * difference.mean:+.1f} points" + (f" ± {100 * difference.half:.1f}" if difference.half else "")


def _mean(known: list[tuple[Cell, Spread]]) -> str:
    return f"{100 * mean(difference.mean for _, difference in known):+.1f} points"
