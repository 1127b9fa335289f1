# SPDX-License-Identifier: Apache-2.0
"""``medquorum coordinator``."""

from __future__ import annotations

from typing import Annotated

import typer

from medquorum.clients.coordinator.actions import Deadlines
from medquorum.clients.coordinator.agent import Coordinator
from medquorum.clients.coordinator.conclusion import Conclusion
from medquorum.clients.runtime.options import (
    AsJson,
    Channel,
    Connection,
    Identity,
    ProfileFile,
    StateFolder,
    TaskName,
    Verbose,
)
from medquorum.clients.runtime.reconcile import LoopControl
from medquorum.clients.runtime.role import Step, run_role
from medquorum.clients.runtime.session import CHANNEL, Session
from medquorum.core.documents.task import Task
from medquorum.errors import ConfigError

__all__ = ["coordinator"]

EVENTS = frozenset(
    {
        "RootSubmitted",
        "RootAttested",
        "TaskChanged",
        "UpdateSubmitted",
        "UpdateVerified",
        "RoundVerified",
        "VerdictAttested",
        "ModelAttested",
        "ModelChunkStored",
        "RoundClosed",
        "RoundConcluded",
        "RoundAborted",
    }
)

coordinator = typer.Typer(no_args_is_help=True, help="Open, close and, where they cannot go on, abort a task's rounds.")


@coordinator.callback()
def _group() -> None:
    """Keep ``run`` a sub-command."""


@coordinator.command("run")
def run(
    profile: ProfileFile,
    task: TaskName,
    submission_deadline: Annotated[float, typer.Option(min=0, help="Seconds hospitals have to submit.")] = 3600,
    verdict_deadline: Annotated[float, typer.Option(min=0, help="Seconds verifiers have for the verdicts.")] = 1800,
    aggregation_deadline: Annotated[float, typer.Option(min=0, help="Seconds they have for the new model.")] = 1800,
    standby: Annotated[bool, typer.Option("--standby", help="Act only when the coordinator does not.")] = False,
    takeover: Annotated[float, typer.Option(min=0, help="Seconds a standby leaves the coordinator.")] = 30,
    identity: Identity = "User1",
    channel: Channel = CHANNEL,
    state: StateFolder = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Run a task's rounds to the last one; may be stopped and started again at any time."""
    deadlines = Deadlines(submission_deadline, verdict_deadline, aggregation_deadline)

    def make(session: Session, task: Task, control: LoopControl) -> Step:
        if session.msp != (task.standby if standby else task.coordinator):
            raise ConfigError(
                f"{session.msp} is not the {'standby' if standby else 'coordinator'} of the task {task.task}",
                f"The coordinator is {task.coordinator}, the standby {task.standby}",
            )
        delay = takeover if standby else 0.0
        transactions = session.transactions(task)
        conclusion = Conclusion(session.ledger, transactions, deadlines.verdict)
        coordinator = Coordinator(
            session.ledger, transactions, task, deadlines, session.report, conclusion, control, delay=delay
        )
        return coordinator.step

    run_role(
        "coordinator", Connection(profile, identity, channel, state, as_json, verbose), task, lambda _: EVENTS, make
    )
