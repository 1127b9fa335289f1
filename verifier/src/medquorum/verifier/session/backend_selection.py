# SPDX-License-Identifier: Apache-2.0
"""Choose the comparison back end by the links: few rounds (fss) or few bytes (tree)."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple, get_args

from medquorum.verifier.comparison.backends import Comparing
from medquorum.verifier.model.plan import Plan
from medquorum.verifier.offline.cost_model import batch_cost, fitting_batch

__all__ = ["Link", "Links", "choose", "probe"]

_PROBE = bytes(1 << 20)
_TRIES = 3
_LEAST = 1e-6


class Link(NamedTuple):
    """The line between the parties: seconds an exchange of nothing takes, and bytes a second, one way."""

    exchange: float
    bandwidth: float


class Links(NamedTuple):
    """What the choice depends on; ``dealer``: bytes a second from the dealer to the slower party."""

    line: Link
    dealer: float


def probe(exchange: Callable[[bytes], bytes]) -> Link:
    """Measure a line; both ends do so at once."""

    def fastest(message: bytes) -> float:
        seconds = []
        for _ in range(_TRIES):
            started = time.perf_counter()
            exchange(message)
            seconds.append(time.perf_counter() - started)
        return min(seconds)

    empty = fastest(b"")
    return Link(empty, len(_PROBE) / max(_LEAST, fastest(_PROBE) - empty))


def choose(plan: Plan, batch: int, images: int, links: Links) -> Comparing:
    """Return the back end whose comparisons of an image take less time on the links, in batches of at most ``batch``.

    A batch takes rounds · exchange + sent bytes / bandwidth + dealt bytes / dealer's bandwidth, where there are several
    rounds · exchange / 2: two wait at once. The first named wins a tie.
    """

    def seconds(comparing: Comparing) -> float:
        fitting = fitting_batch(plan, min(batch, images), comparing)
        cost = batch_cost(plan, fitting, comparing)
        waiting = cost.rounds * links.line.exchange / (2 if images > fitting else 1)
        return (waiting + cost.sent / links.line.bandwidth + cost.material / links.dealer) / fitting

    return min(get_args(Comparing), key=seconds)
