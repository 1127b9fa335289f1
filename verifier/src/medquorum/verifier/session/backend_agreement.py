# SPDX-License-Identifier: Apache-2.0
"""How two parties agree on the comparison back end of a verification: once, for all its attempts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, ClassVar

import structlog
from pydantic import Field

from medquorum.core.message import Message
from medquorum.errors import ProtocolError
from medquorum.verifier.comparison.backends import Comparing, comparing_named
from medquorum.verifier.model.plan import Plan
from medquorum.verifier.session.backend_selection import Links, choose, probe

__all__ = ["earlier", "measured"]

log = structlog.get_logger(__name__)


class _Bandwidth(Message):
    called: ClassVar[str] = "measurement"

    dealer: Annotated[int, Field(ge=0, lt=1 << 62)]
    """Bytes a second that come from the dealer."""


def earlier(index: int, own: Comparing | None, other: Comparing | None) -> Comparing | None:
    """Return the back end of an earlier attempt, by P0's journal alone; None before its first.

    Parameters
    ----------
    own
        What the own journal names.
    other
        What the other party says that its journal names.
    """
    return own if index == 0 else other


def measured(
    index: int, exchange: Callable[[bytes], bytes], plan: Plan, batch: int, images: int, bandwidth: Callable[[], float]
) -> Comparing:
    """Measure the links; P0 chooses by them.

    Parameters
    ----------
    exchange
        Sends a message to the other party and gives its own.
    batch, images
        Images in a batch, at most, and in all.
    bandwidth
        Measures the dealer's link: bytes a second.

    Raises
    ------
    ProtocolError
        The other party sends something else.
    """
    line = probe(exchange)
    dealer = int(bandwidth())
    other = _Bandwidth.decode(exchange(_Bandwidth(dealer=dealer).encode()))
    if index == 0:
        links = Links(line, max(1, min(dealer, other.dealer)))
        chosen = choose(plan, batch, images, links)
        log.info("comparison chosen", comparison=chosen, links=links)
        exchange(chosen.encode())
        return chosen
    named = exchange(b"").decode(errors="replace")
    try:
        return comparing_named(named)
    except ValueError as error:
        raise ProtocolError(
            f"the other party names the comparison {named!r:.40}", "Install the same release"
        ) from error
