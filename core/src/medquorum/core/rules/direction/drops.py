# SPDX-License-Identifier: Apache-2.0
"""Who is left out before the search: the updates without which the mean of all is better, and not by chance."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeAlias

from medquorum.core.rules.documents import Direction

__all__ = ["undropped"]

LossOf: TypeAlias = Callable[[Sequence[str]], int | None]
"""Returns the loss of the mean of these updates at the longest step, None where it may not be tried."""


def undropped(rule: Direction, order: Sequence[str], loss_of: LossOf) -> list[str]:
    """Return the names without those that are dropped, in their order.

    1. The mean of all is tried without each one. Who stands out is dropped: see :func:`_outlying`. If nobody does, all
       stay.
    2. With them those go without whom the loss is smallest next, up to ``drops`` in all, where that makes the loss
       clearly smaller: the fewest are dropped of which the loss is not more than 1000 / ``keep`` of the smallest one.

    So many are looked at as there are updates, then ``drops`` at most: attackers beside each other hide each other, and
    the weakest of them is found by the second step. More than half always stay.
    """
    everyone = list(order)
    most = min(rule.drops, (len(everyone) - 1) // 2)
    before = loss_of(everyone) if most else None
    if before is None:
        return everyone
    alone = {name: loss_of(_without(everyone, {name})) for name in everyone}
    losses = {name: loss for name, loss in alone.items() if loss is not None}
    ranked = sorted(losses, key=lambda name: (losses[name], name))
    outlying = _outlying(rule, before, losses)
    if not outlying:
        return everyone
    tried = []
    for count in range(min(outlying, most), min(most, len(ranked)) + 1):
        rest = _without(everyone, set(ranked[:count]))
        loss = loss_of(rest)
        if loss is not None:
            tried.append((rest, loss))
    best = min((loss for _, loss in tried), default=0)
    return next((rest for rest, loss in tried if rule.keep * loss <= 1000 * best), everyone)


def _outlying(rule: Direction, before: int, losses: Mapping[str, int]) -> int:
    """Return without how many the loss is far below that of all, or below it and lower than the others' explain.

    Training is noisy: without some honest update the mean is always better, and as much worse without another. So the
    losses are held against each other: how far below their median one is, in median distances from it. As long as
    the honest are more than half, both medians are theirs. Where hospitals are unlike each other these distances are
    large: what takes so much of the loss as none of them does stands out as well.
    """
    if not losses:
        return 0
    middle = _median(losses.values())
    spread = _median(abs(loss - middle) for loss in losses.values())
    return sum(
        1000 * loss < rule.keep * before or (loss < before and 1000 * (middle - loss) > rule.apart * spread)
        for loss in losses.values()
    )


def _median(values: Iterable[int]) -> int:
    """Return the median, of two middle values the upper one."""
    ranked = sorted(values)
    return ranked[len(ranked) // 2]


def _without(names: Sequence[str], dropped: set[str]) -> list[str]:
    return [name for name in names if name not in dropped]
