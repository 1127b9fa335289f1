# SPDX-License-Identifier: Apache-2.0
"""A hospital's connection to the consortium."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from medquorum.clients.hospital.api.task import HospitalTask
from medquorum.clients.hospital.assembly import expect_hospital
from medquorum.clients.runtime.options import Connection
from medquorum.clients.runtime.report import EventHandler, EventReport
from medquorum.clients.runtime.session import CHANNEL, Session
from medquorum.clients.runtime.session import connect as open_connection
from medquorum.gateway import read_profile

__all__ = ["HospitalConnection", "connect"]


class HospitalConnection:
    """A hospital that is connected; from ``connect``."""

    def __init__(self, connection: Connection, session: Session) -> None:
        self._connection = connection
        self._session = session
        self._tasks: list[HospitalTask] = []

    @property
    def msp(self) -> str:
        """The hospital's organisation, as the ledger names it."""
        return self._session.msp

    def tasks(self) -> list[str]:
        """Return the names of all tasks of the consortium."""
        return self._session.ledger.tasks()

    def task(self, name: str) -> HospitalTask:
        """Return a task that the hospital takes part in.

        Raises
        ------
        ContractError
            There is no such task.
        ConfigError
            The hospital is not one of the task's.
        """
        task = self._session.ledger.task(name)
        expect_hospital(self._session, task)
        self._tasks.append(HospitalTask(self._connection, self._session, task))
        return self._tasks[-1]

    def stop(self) -> None:
        """Let whatever runs in this connection end, from any thread."""
        for task in self._tasks:
            task.stop()


@contextmanager
def connect(
    profile: Path | str,
    identity: str = "User1",
    *,
    channel: str = CHANNEL,
    state: Path | str | None = None,
    on_event: EventHandler = lambda event: None,
) -> Iterator[HospitalConnection]:
    """Connect a hospital through its own peer, while the context lasts.

    Nothing of the process is changed: no signal handlers, no logging. The standard library's logger ``medquorum`` has
    what would be logged.

    Parameters
    ----------
    profile
        Connection profile of the hospital's organisation; its wallet lies beside it.
    identity
        A label of the wallet.
    state
        The hospital's own folder, where updates lie before they leave: the same in every session. By default
        ``medquorum-state/hospital-MSP``, as of the command line.
    on_event
        Called with every event, as ``--json`` prints them, in the thread where it happens.

    Raises
    ------
    ConfigError
        Profile or identity cannot be used, or another process uses the folder.
    """
    place = Connection(Path(profile), identity, channel, None if state is None else Path(state))
    report = EventReport("hospital", read_profile(place.profile).msp_id, on_event)
    with open_connection("hospital", place, report) as session:
        _ = session.genesis  # binds the folder to the channel
        session.outbox.recover()
        hospital = HospitalConnection(place, session)
        try:
            yield hospital
        finally:
            hospital.stop()
