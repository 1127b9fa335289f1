# SPDX-License-Identifier: Apache-2.0
"""Steps taken for a caller who waits: woken by the ledger's events, at most for as long as the caller has time."""

from __future__ import annotations

import time
from collections.abc import Callable

from medquorum.clients.hospital.assembly import awaited_events
from medquorum.clients.runtime.event_trigger import EventTrigger
from medquorum.clients.runtime.reconcile import RESYNC_INTERVAL, LoopControl, reconcile
from medquorum.clients.runtime.session import CHAINCODE, Session
from medquorum.core.documents.task import Task

__all__ = ["take_steps"]


def take_steps(
    session: Session, task: Task, control: LoopControl, step: Callable[[], float | None], timeout: float | None
) -> None:
    """Repeat ``step`` until it returns None, as ``reconcile`` does.

    Raises
    ------
    TimeoutError
        It has not within ``timeout`` seconds; None waits for ever.
    """
    limit = None if timeout is None else time.monotonic() + timeout
    done = False

    def timed() -> float | None:
        nonlocal done
        session.outbox.recover()
        seconds = step()
        done = seconds is None
        left = RESYNC_INTERVAL if limit is None else limit - time.monotonic()
        return None if seconds is None or left <= 0 else min(seconds, left)

    # Nobody writes that checkpoint: what happened before is looked up.
    unwritten = session.state / "waiting.json"
    with EventTrigger(session.network, CHAINCODE, control, awaited_events(task), unwritten):
        reconcile(timed, control)
    if not done:
        raise TimeoutError(f"not within {timeout:g} s")
