# SPDX-License-Identifier: Apache-2.0
"""One process' connection: its organisation's identity, peer, ledger and transactions."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import structlog

from medquorum.clients.ledger.ledger import Ledger
from medquorum.clients.ledger.outbox import Outbox
from medquorum.clients.ledger.transactions import Transactions
from medquorum.clients.runtime import logs
from medquorum.clients.runtime.channel import bind_folder, genesis_hash
from medquorum.clients.runtime.options import Connection
from medquorum.clients.runtime.reconcile import LoopControl
from medquorum.clients.runtime.report import Report
from medquorum.clients.runtime.task_run import TaskRun
from medquorum.core.documents.task import Task
from medquorum.core.private_files import make_private_folder
from medquorum.errors import ConfigError
from medquorum.gateway import Network, Submissions, connect_profile, read_profile

__all__ = ["CHAINCODE", "CHANNEL", "Session", "connect", "held", "open_session", "task_folder"]

CHANNEL = "mychannel"
CHAINCODE = "medquorum"
PEER_TIMEOUT = 60.0
"""Seconds a peer may take: a chunk of 4 MiB on a busy machine takes longer than small transactions do."""


@dataclass(frozen=True)
class Session:
    """An identity connected to its organisation's own peer, and the process' own folder."""

    network: Network
    ledger: Ledger
    outbox: Outbox
    report: Report
    state: Path
    channel: str

    @cached_property
    def genesis(self) -> str:
        """The hash of the channel's genesis; on first use the folder is bound to it."""
        genesis = genesis_hash(self.network)
        bind_folder(self.state, self.channel, genesis)
        return genesis

    def task_folder(self, task: Task) -> Path:
        """Return where the process keeps what belongs to a task."""
        return task_folder(self.state, task.task)

    @property
    def msp(self) -> str:
        """The organisation."""
        return self.ledger.msp

    def transactions(self, task: Task) -> Transactions:
        """Return the writing side for a task: endorsed by its verifiers, the own organisation first if it is one."""
        return Transactions(self.ledger.contract, task.verifiers, task.quorum, self.msp)

    def run(self, task: Task, control: LoopControl) -> TaskRun:
        """Return what the parts of this process have in common in a task."""
        transactions = self.transactions(task)
        return TaskRun(self.ledger, transactions, task, self.task_folder(task), self.report, control)

    def consortium_transactions(self) -> Transactions:
        """Return the writing side for what concerns no task."""
        consortium = self.ledger.consortium()
        return Transactions(self.ledger.contract, consortium.having("verifier"), consortium.quorum, self.msp)


def task_folder(state: Path, task: str) -> Path:
    """Return a task's part of a process' folder; beside its own files a task's name could be one of theirs."""
    return state / "tasks" / task


@contextmanager
def open_session(role: str, connection: Connection) -> Iterator[Session]:
    """Connect a process of its own: it logs to standard error and reports to standard output.

    Raises
    ------
    ConfigError
        The profile or the identity cannot be used, or another process uses the folder.
    """
    logs.configure(as_json=connection.as_json, verbose=connection.verbose)
    msp = read_profile(connection.profile).msp_id
    structlog.contextvars.bind_contextvars(role=role, msp=msp)
    with connect(role, connection, Report(role, msp, as_json=connection.as_json)) as session:
        yield session


@contextmanager
def connect(role: str, connection: Connection, report: Report) -> Iterator[Session]:
    """Connect, and hold the role's folder while the context lasts; nothing else of the process is touched.

    Raises
    ------
    ConfigError
        The profile or the identity cannot be used, or another process uses the folder.
    """
    profile = read_profile(connection.profile)
    msp = profile.msp_id
    state = connection.state or Path("medquorum-state") / f"{role}-{msp}"
    with (
        held(state),
        connect_profile(
            connection.profile, connection.identity, evaluate_timeout=PEER_TIMEOUT, endorse_timeout=PEER_TIMEOUT
        ) as gateway,
    ):
        network = gateway.get_network(connection.channel)
        outbox = Outbox(network.get_contract(CHAINCODE), Submissions(gateway, state / "submissions"))
        yield Session(network, Ledger(outbox, msp, profile.peer_msp_id), outbox, report, state, connection.channel)


@contextmanager
def held(state: Path) -> Iterator[None]:
    """Keep a second process out of the folder: it would submit what this one has in hand."""
    try:
        make_private_folder(state)
        with (state / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
    except BlockingIOError as error:
        raise ConfigError(
            f"another process uses {state}", "Wait until it has ended, or give another folder with --state-dir"
        ) from error
    except (NotADirectoryError, FileExistsError, PermissionError) as error:
        raise ConfigError(f"{state} cannot be used: {error}", "Give another folder with --state-dir") from error
