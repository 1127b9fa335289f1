# SPDX-License-Identifier: Apache-2.0
"""``medquorum witness`` and ``medquorum dealer``, and what ``medquorum verifier`` does in an encrypted task."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

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

# clients.party.process loads torch, which takes seconds and hundreds of MiB: only where a task is encrypted.

__all__ = ["ImagesFile", "LinePort", "Listen", "ShareTimeout", "dealer", "witness"]

EVENTS = frozenset(
    {
        "SubmissionsClosed",
        "VerdictsClosed",
        "MasksAttested",
        "ModelAttested",
        "ModelChunkStored",
        "RoundClosed",
        "RoundAborted",
    }
)
DEALER_EVENTS = frozenset({"VerdictsClosed", "RoundClosed", "RoundAborted"})

ImagesFile: TypeAlias = Annotated[
    Path | None, typer.Option("--images", help="The own verification set  [default: verification/TASK.safetensors]")
]
Listen: TypeAlias = Annotated[
    str | None, typer.Option("--listen", help="host:port of the own service  [default: what the task names]")
]
LinePort: TypeAlias = Annotated[
    int,
    typer.Option(
        "--line-port",
        min=0,
        max=65535,
        help="Port of the own lines, for firewalls  [default: a free one]",
    ),
]
ShareTimeout: TypeAlias = Annotated[
    float, typer.Option(min=0, help="Seconds a share may still take after the submissions' close.")
]

witness = typer.Typer(no_args_is_help=True, help="The second party of encrypted tasks, without images.")
dealer = typer.Typer(no_args_is_help=True, help="Deal the parties of an encrypted task their randomness.")


@witness.callback()
def _witness_group() -> None:
    """Keep ``run`` a sub-command."""


@dealer.callback()
def _dealer_group() -> None:
    """Keep ``run`` a sub-command."""


@witness.command("run")
def run_witness(
    profile: ProfileFile,
    task: TaskName,
    listen: Listen = None,
    share_timeout: ShareTimeout = 60,
    identity: Identity = "User1",
    channel: Channel = CHANNEL,
    state: StateFolder = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Follow an encrypted task's rounds as party P1; leave after the last round."""
    connection = Connection(profile, identity, channel, state, as_json, verbose)

    def make(session: Session, task: Task, control: LoopControl) -> Step:
        from medquorum.clients.encrypted.commands.party_process import PartyOptions, party, settings_of

        if settings_of(task).parties[1] != session.msp:
            raise ConfigError(f"{session.msp} is not the witness of the task {task.task}", "Check --profile and --task")
        options = PartyOptions(None, listen, 0, share_timeout)
        return stack.enter_context(party(connection, session, task, control, options))

    with ExitStack() as stack:
        run_role("witness", connection, task, lambda _: EVENTS, make)


@dealer.command("run")
def run_dealer(
    profile: ProfileFile,
    task: TaskName,
    listen: Listen = None,
    line_port: LinePort = 0,
    identity: Identity = "User1",
    channel: Channel = CHANNEL,
    state: StateFolder = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Deal for an encrypted task; leave after its last round."""
    connection = Connection(profile, identity, channel, state, as_json, verbose)

    def make(session: Session, task: Task, _control: LoopControl) -> Step:
        from medquorum.clients.encrypted.commands.party_process import dealing

        return stack.enter_context(dealing(connection, session, task, listen, line_port))

    with ExitStack() as stack:
        run_role("dealer", connection, task, lambda _: DEALER_EVENTS, make)
