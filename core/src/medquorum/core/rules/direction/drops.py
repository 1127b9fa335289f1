# SPDX-License-Identifier: Apache-2.0
"""Who is left out before the search: the updates without which the mean of all loses most, beside each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from medquorum.core.rules.documents import Direction

__all__ = ["undropped"]

LossOf: TypeAlias = Callable[[Sequence[str]], int | None]
"""Returns the loss of the mean of these updates at the longest step, None where it may not be tried."""


def undropped(rule: Direction, order: Sequence[str], loss_of: LossOf) -> list[str]:
    """Return the names without those that are dropped, in their order.

    1. The mean of all is tried without each one. If no loss is below ``keep`` thousandths of that with all, all stay.
    2. Else those are left out together without whom the loss is smallest: none, one, two, ... up to ``drops``, and more
       than half stay. The fewest are dropped of which the loss is not more than 1000 / ``keep`` of the smallest one.

    So many are looked at as there are updates, then ``drops`` more: updates that only together do harm are found where
    each does a little of it.
    """
    everyone = list(order)
    most = min(rule.drops, (len(everyone) - 1) // 2)
    before = loss_of(everyone) if most else None
    if before is None:
        return everyone
    alone = {name: loss_of(_without(everyone, {name})) for name in everyone}
    losses = {name: loss for name, loss in alone.items() if loss is not None}
    ranked = sorted(losses, key=lambda name: (losses[name], name))
    if not ranked or 1000 * losses[ranked[0]] >= rule.keep * before:
        return everyone
    tried = [(everyone, before)]
    for count in range(1, min(most, len(ranked)) + 1):
        rest = _without(everyone, set(ranked[:count]))
        loss = loss_of(rest)
        if loss is not None:
            tried.append((rest, loss))
    best = min(loss for _, loss in tried)
    return next(rest for rest, loss in tried if rule.keep * loss <= 1000 * best)


def _without(names: Sequence[str], dropped: set[str]) -> list[str]:
    return [name for name in names if name not in dropped]
