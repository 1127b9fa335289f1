# SPDX-License-Identifier: Apache-2.0
"""How two parties agree on the comparison back end of a verification: once, for all its attempts."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast, get_args

import structlog

from medquorum.core import canonical
from medquorum.errors import MedquorumError, ProtocolError
from medquorum.verifier.comparison.backends import Comparing
from medquorum.verifier.model.plan import Plan
from medquorum.verifier.session.backend_selection import Links, choose, probe

__all__ = ["earlier", "measured"]

log = structlog.get_logger(__name__)


def earlier(index: int, own: str | None, other: object) -> Comparing | None:
    """Give the back end of an earlier attempt, by P0's journal alone; None before its first.

    Parameters
    ----------
    index : int
    own : str or None
        What the own journal names.
    other : JSON value
        What the other party says that its journal names.

    Raises
    ------
    ProtocolError
        It is none.
    """
    found = own if index == 0 else other
    return None if found is None else _known(found)


def measured(
    index: int, exchange: Callable[[bytes], bytes], plan: Plan, batch: int, images: int, bandwidth: Callable[[], float]
) -> Comparing:
    """Measure the links; P0 chooses by them.

    Parameters
    ----------
    index : int
    exchange : callable
        Sends a message to the other party and gives its own.
    plan : Plan
    batch, images : int
        Images in a batch, at most, and in all.
    bandwidth : callable
        Measures the dealer's link: bytes a second.

    Raises
    ------
    ProtocolError
        The other party sends something else.
    """
    line = probe(exchange)
    dealer = bandwidth()
    answer = exchange(canonical.encode(int(dealer)))
    if index == 0:
        links = Links(line, max(1, min(int(dealer), _number(answer))))
        chosen = choose(plan, batch, images, links)
        log.info("comparison chosen", comparison=chosen, links=links)
        exchange(chosen.encode())
        return chosen
    return _known(exchange(b"").decode(errors="replace"))


def _known(comparing: object) -> Comparing:
    for known in get_args(Comparing):
        if comparing == known:
            return cast(Comparing, known)
    raise ProtocolError(f"the other party names the comparison {comparing!r}", "Install the same release")


def _number(raw: bytes) -> int:
    try:
        found = canonical.decode(raw)
    except MedquorumError as error:
        raise ProtocolError("the other party sent no measurement", "Install the same release") from error
    if not isinstance(found, int):
        raise ProtocolError("the other party's measurement is no number", "Install the same release")
    return found
