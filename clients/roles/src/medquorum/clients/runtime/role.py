# SPDX-License-Identifier: Apache-2.0
"""How a role's process runs: connect, find the task, follow its rounds, end cleanly on SIGINT and SIGTERM."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager

import structlog

from medquorum.clients.runtime.event_trigger import EventTrigger
from medquorum.clients.runtime.options import Connection
from medquorum.clients.runtime.reconcile import LoopControl, Stopped, reconcile
from medquorum.clients.runtime.session import CHAINCODE, Session, open_session
from medquorum.core.documents.task import Task

__all__ = ["Step", "follow_task", "run_role", "stopping_on_signals"]

Step = Callable[[], float | None]


@contextmanager
def stopping_on_signals() -> Iterator[LoopControl]:
    """Return a loop control that SIGINT and SIGTERM stop; the second one ends the process at once."""
    control = LoopControl()
    numbers: tuple[int, ...] = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.getsignal(number) for number in numbers}

    def stop(number: int, _: object) -> None:
        # In a thread: the main one may hold the lock that stop() takes.
        threading.Thread(target=control.stop, name="stop").start()
        signal.signal(number, before[number])

    for number in numbers:
        signal.signal(number, stop)
    try:
        yield control
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def run_role(
    role: str,
    connection: Connection,
    task_name: str,
    events: Callable[[Task], Collection[str]],
    make: Callable[[Session, Task, LoopControl], Step],
) -> None:
    """Run a role in a task until the task ended or the process is asked to stop.

    Parameters
    ----------
    events
        Returns the chaincode events the role's next action in a task depends on.
    make
        Makes the role's step once the task is known.

    Raises
    ------
    MedquorumError
        What going on cannot mend.
    """
    with stopping_on_signals() as control, open_session(role, connection) as session:
        structlog.contextvars.bind_contextvars(task=task_name)
        session.report.event("started", task=task_name)
        try:
            follow_task(session, control, task_name, events, make)
        except Stopped:
            session.report.event("stopped", task=task_name)


def follow_task(
    session: Session,
    control: LoopControl,
    task_name: str,
    events: Callable[[Task], Collection[str]],
    make: Callable[[Session, Task, LoopControl], Step],
) -> None:
    """Take a role's steps in a task until none is left; parameters and errors as of ``run_role``.

    Raises
    ------
    Stopped
        ``control.stop()`` was called.
    """
    _bind_folder(session, control)
    checkpoint = session.state / "checkpoint.json"
    with EventTrigger(session.network, CHAINCODE, control, {"TaskCreated"}, checkpoint) as trigger:
        task = _found_task(session, task_name, control)
        trigger.names = events(task)
        step = make(session, task, control)
        reconcile(_handling(session, trigger, step), control)


def _bind_folder(session: Session, control: LoopControl) -> None:
    """Refuse a folder of another channel, before anything of it is used; wait for the own peer."""

    def look() -> None:
        _ = session.genesis

    reconcile(look, control)


def _found_task(session: Session, name: str, control: LoopControl) -> Task:
    """Read the task, waiting for it when it is still to be created."""
    tasks: list[Task] = []

    def look() -> None:
        tasks.append(session.ledger.task(name))

    reconcile(look, control)
    return tasks[0]


def _handling(session: Session, trigger: EventTrigger, step: Step) -> Step:
    """Settle transactions in the air before each step, and store the checkpoint after it."""

    def handled() -> float | None:
        seen = trigger.seen
        session.outbox.recover()
        seconds = step()
        trigger.handled(seen)
        return seconds

    return handled
