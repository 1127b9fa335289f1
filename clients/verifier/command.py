# SPDX-License-Identifier: Apache-2.0
"""``medquorum verifier``."""

from __future__ import annotations

from typing import Annotated

import typer

from chaincode.contract.task import Task
from clients.follow import Wake
from clients.options import AsJson, Channel, Connection, Identity, ProfileFile, StateFolder, TaskName, Verbose
from clients.role import Step, run_role
from clients.session import CHANNEL, Session
from clients.verifier.agent import Verifier
from medquorum import ConfigError

__all__ = ["verifier"]

EVENTS = frozenset(
    {
        "SubmissionsClosed",
        "UpdateVerified",
        "RoundVerified",
        "VerdictAttested",
        "VerdictsClosed",
        "ModelAttested",
        "RoundClosed",
        "RoundAborted",
    }
)

verifier = typer.Typer(no_args_is_help=True, help="Have updates judged, verdicts and the new model written.")


@verifier.callback()
def _group() -> None:
    """Keep ``run`` a sub-command."""


@verifier.command("run")
def run(
    profile: ProfileFile,
    task: TaskName,
    takeover: Annotated[float, typer.Option(min=0, help="Seconds before doing another verifier's share.")] = 5,
    identity: Identity = "User1",
    channel: Channel = CHANNEL,
    state: StateFolder = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Follow a task's rounds as a verifier; leave after the last round."""

    def make(session: Session, task: Task, wake: Wake) -> Step:
        if session.msp not in task.verifiers:
            raise ConfigError(f"{session.msp} is no verifier of the task {task.task}", "Check --profile and --task")
        transactions = session.transactions(task)
        return Verifier(session.ledger, transactions, task, session.report, wake, takeover=takeover).step

    run_role("verifier", Connection(profile, identity, channel, state, as_json, verbose), task, EVENTS, make)
