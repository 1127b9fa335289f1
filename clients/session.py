# SPDX-License-Identifier: Apache-2.0
"""One process' connection: its organisation's identity, peer, ledger, transactions, and the loop that follows them."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog

from chaincode.contract.task import Task
from clients.follow import Stopped, Wake, follow
from clients.gateway import Deadlines, connect_profile
from clients.gateway.network import Network
from clients.gateway.submission import Submissions
from clients.ledger import Ledger
from clients.outbox import Outbox
from clients.transactions import Transactions
from clients.wakes import Wakes

__all__ = ["CHAINCODE", "CHANNEL", "Session", "open_session", "run_loop", "stopping_on_signals"]

CHANNEL = "mychannel"
CHAINCODE = "medquorum"
DEADLINES = Deadlines(evaluate=60, endorse=60, submit=15)
"""Seconds; a chunk of 4 MiB on a busy machine takes longer than small transactions do."""


@dataclass(frozen=True)
class Session:
    """An identity connected to its organisation's own peer."""

    msp: str
    network: Network
    ledger: Ledger
    outbox: Outbox

    def transactions(self, task: Task) -> Transactions:
        """Give the writing side for a task: endorsed by its verifiers, the own organisation first if it is one."""
        return Transactions(self.ledger.contract, task.verifiers, task.quorum, self.msp)

    def consortium_transactions(self) -> Transactions:
        """Give the writing side for what concerns no task."""
        consortium = self.ledger.consortium()
        return Transactions(self.ledger.contract, consortium.having("verifier"), consortium.quorum, self.msp)


@contextmanager
def open_session(profile: Path, identity: str, channel: str, state: Path) -> Iterator[Session]:
    """Connect with a profile and a wallet identity beside it.

    Parameters
    ----------
    state
        The process' own folder: submitted transactions without a known outcome are kept there.

    Raises
    ------
    ConfigError
        The profile or the identity cannot be used.
    """
    with connect_profile(profile, identity, deadlines=DEADLINES) as gateway:
        network = gateway.get_network(channel)
        msp = gateway.identity.msp_id
        structlog.contextvars.bind_contextvars(msp=msp)
        outbox = Outbox(network.get_contract(CHAINCODE), Submissions(gateway, state / "submissions"))
        yield Session(msp, network, Ledger(outbox, msp), outbox)


@contextmanager
def stopping_on_signals() -> Iterator[Wake]:
    """Give a wake that SIGINT and SIGTERM stop; a second SIGINT interrupts at once."""
    wake = Wake()

    def stop(number: int, _: object) -> None:
        wake.stop()
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield wake
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def run_loop(session: Session, wake: Wake, step: Callable[[], float | None], state: Path) -> bool:
    """Follow the ledger's events with ``step`` until its duty ended.

    Returns
    -------
    False when the process was asked to stop before.
    """
    with Wakes(session.network, CHAINCODE, wake, state / "checkpoint.json") as wakes:

        def checked() -> float | None:
            seen = wakes.seen
            session.outbox.recover()
            seconds = step()
            wakes.handled(seen)
            return seconds

        try:
            follow(checked, wake)
        except Stopped:
            return False
    return True
