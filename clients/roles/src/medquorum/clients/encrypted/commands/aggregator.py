# SPDX-License-Identifier: Apache-2.0
"""``medquorum aggregator``."""

from __future__ import annotations

from contextlib import ExitStack

import typer

from medquorum.clients.encrypted.commands.party import Listen
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

__all__ = ["aggregator"]

EVENTS = frozenset({"VerdictsClosed", "MasksAttested", "RoundClosed", "RoundAborted"})

aggregator = typer.Typer(no_args_is_help=True, help="Add up re-shares for an encrypted task, attest the new model.")


@aggregator.callback()
def _group() -> None:
    """Keep ``run`` a sub-command."""


@aggregator.command("run")
def run(
    profile: ProfileFile,
    task: TaskName,
    listen: Listen = None,
    identity: Identity = "User1",
    channel: Channel = CHANNEL,
    state: StateFolder = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Be an aggregation node of an encrypted task, where the organisation is no party; leave after the last round."""
    connection = Connection(profile, identity, channel, state, as_json, verbose)

    def make(session: Session, task: Task, control: LoopControl) -> Step:
        from medquorum.clients.encrypted.commands.aggregator_process import (
            aggregating,  # numpy and gRPC services: only when it runs
        )

        return stack.enter_context(aggregating(connection, session, task, control, listen))

    with ExitStack() as stack:
        run_role("aggregator", connection, task, lambda _: EVENTS, make)
