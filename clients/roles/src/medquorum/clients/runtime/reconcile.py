# SPDX-License-Identifier: Apache-2.0
"""The loop of every role: derive the next action, do it, sleep until something happened."""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import TypeVar

from medquorum.clients.runtime.logs import get_logger
from medquorum.errors import ConfigError, ContractError, DataError, MedquorumError, ProtocolError, RangeError, origin
from medquorum.gateway import CommitError, GatewayError

Result = TypeVar("Result")

__all__ = ["OWN_FAULTS", "RESYNC_INTERVAL", "LoopControl", "Stopped", "interrupted", "left_behind", "reconcile"]

RESYNC_INTERVAL = 10.0
"""The longest time in seconds between two looks at the ledger."""

FIRST_PAUSE, LONGEST_PAUSE = 0.25, 8.0
GRACE = 3.0
"""Seconds a call that is waited for may go on once the process shall end."""
POLL_INTERVAL = 0.25
"""Seconds between two looks whether a call that is waited for has ended."""
_LEAVABLE = "unless stopped"

# The ledger moved on between reading and writing, another organisation is not ready yet, or a peer failed: look again.
MOVED_ON = frozenset(
    {
        "ALREADY_ATTESTED",
        "ALREADY_SUBMITTED",
        "BUSY",
        "DECIDED",
        "NOT_READY",
        "NO_MAJORITY",
        "PEER",
        "ROUND_CLOSED",
        "ROUND_ORDER",
        "ROUND_STATE",
        "STALE_BASE",
        "SUBMISSIONS_PENDING",
        "VERDICTS_PENDING",
    }
)


OWN_FAULTS = (ConfigError, DataError, RangeError)
"""Of the own files, options and models: no other organisation brings one about, and no repetition mends it."""


class Stopped(Exception):
    """The process was asked to end; raised where long work may be left off."""


class LoopControl:
    """What ends a role's sleep: an event on the ledger, or the wish to stop. Set from any thread or signal handler."""

    def __init__(self) -> None:
        self._set = threading.Event()
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._skipped: dict[str, int] = {}

    def wake(self, event: str = "") -> None:
        """Signal that something happened, an event of the chaincode by its name."""
        with self._lock:
            left = self._skipped.get(event, 0)
            self._skipped[event] = max(0, left - 1)
        if left == 0:
            self._set.set()

    def skip(self, event: str, count: int) -> None:
        """Sleep on at the next ``count`` events of this name, in place of what was said before."""
        with self._lock:
            self._skipped[event] = count

    def stop(self) -> None:
        """Signal that the process shall end."""
        self._stopping.set()
        self._set.set()

    def check(self) -> None:
        """Raise ``Stopped`` when the process shall end."""
        if self._stopping.is_set():
            raise Stopped

    def sleep(self, seconds: float) -> None:
        """Sleep until called, at most ``seconds``; raise ``Stopped`` when the process shall end."""
        self.check()
        self._set.wait(seconds)
        self._set.clear()
        self.check()

    def called_within(self, seconds: float) -> bool:
        """Sleep likewise; return whether it was called, which also ends the next ``sleep``."""
        self.check()
        called = self._set.wait(seconds)
        self.check()
        return called

    def pause(self, seconds: float) -> None:
        """Sleep, whatever is called; raise ``Stopped`` when the process shall end. For any thread."""
        if self._stopping.wait(seconds):
            raise Stopped

    def await_true(self, condition: Callable[[], bool], seconds: float, look: float) -> bool:
        """Look every ``look`` seconds until the condition holds, at most ``seconds``; return whether it did."""
        give_up = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > give_up:
                return False
            self.pause(look)
        return True

    def unless_stopped(self, call: Callable[[], Result]) -> Result:
        """Make a call that may wait long for others; leave it behind with ``Stopped`` when the process shall end.

        What is left behind must have lost nothing when the process ends under it, as when it is killed. It has
        ``GRACE`` seconds to come to a good place by itself.
        """
        outcome: Future[Result] = Future()
        context = contextvars.copy_context()

        def run() -> None:
            try:
                outcome.set_result(context.run(call))
            except BaseException as error:  # raised again where the call is waited for
                outcome.set_exception(error)

        threading.Thread(target=run, name=_LEAVABLE, daemon=True).start()
        while not wait([outcome], POLL_INTERVAL).done:
            if self._stopping.is_set() and not wait([outcome], GRACE).done:
                raise Stopped
        return outcome.result()


def left_behind() -> bool:
    """Return whether a call that was left behind still runs: Python cannot be taken down under native code."""
    return any(thread.name == _LEAVABLE for thread in threading.enumerate())


def interrupted(error: Exception, **fields: object) -> None:
    """Log what ended an attempt with another organisation; the attempt is made again, the process goes on.

    Raises
    ------
    Stopped, GatewayError, CommitError, ConfigError, DataError, RangeError
        The process shall end, the own peer failed, or the fault is the own side's: that is for the loop.
    """
    log = get_logger()
    if isinstance(error, (Stopped, GatewayError, CommitError, *OWN_FAULTS)):
        raise error
    if isinstance(error, ProtocolError):
        log.warning("verification_interrupted", cause=str(error), **fields)
    elif isinstance(error, MedquorumError):
        log.error("verification_interrupted", error=type(error).__name__, cause=str(error), **fields)
    else:
        log.error("verification_interrupted", error=type(error).__name__, where=origin(error), **fields)


def reconcile(step: Callable[[], float | None], control: LoopControl, poll: float = RESYNC_INTERVAL) -> None:
    """Repeat ``step`` until it says that nothing is left to do.

    Parameters
    ----------
    step
        Looks at the ledger and does what is due. Returns the most seconds to sleep before the next look (0: look again
        at once), or None when nothing is left to do. It must be idempotent: a step that failed on the way is simply
        repeated.
    poll
        The longest sleep in seconds.

    Raises
    ------
    Stopped
        ``control.stop()`` was called.
    MedquorumError
        What a repetition cannot mend. Errors of the peer's gateway, commit conflicts and a ledger that moved on between
        reading and writing are logged and tried again, with growing pauses; so are exceptions that nobody foresaw.
    """
    log = get_logger()
    pause = FIRST_PAUSE
    while True:
        control.check()
        try:
            seconds = step()
        except (GatewayError, CommitError) as error:
            log.warning("retrying", error=type(error).__name__, cause=str(error), pause=pause)
        except ContractError as error:
            if error.code not in MOVED_ON and not error.code.endswith("_MISSING"):
                raise
            log.info("ledger_moved_on", code=error.code, cause=error.cause, pause=pause)
        except (MedquorumError, Stopped):
            raise
        except Exception as fault:
            log.error("step_failed", error=type(fault).__name__, where=origin(fault), pause=pause)
        else:
            if seconds is None:
                return
            pause = FIRST_PAUSE
            if seconds > 0:
                control.sleep(min(seconds, poll))
            continue
        control.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)
