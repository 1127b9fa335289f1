# SPDX-License-Identifier: Apache-2.0
"""``medquorum verifier``."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from medquorum.clients.encrypted.commands.party import ImagesFile, LinePort, Listen, ShareTimeout
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
from medquorum.clients.runtime.task_run import TaskRun
from medquorum.clients.verifier.agent import Verifier
from medquorum.core.documents.task import Task
from medquorum.core.rules import Direction, parse_rule
from medquorum.errors import ConfigError

if TYPE_CHECKING:
    from medquorum.clients.encrypted.verification.share_store import ShareStore
    from medquorum.clients.verifier.hidden_root import HiddenRoot
    from medquorum.clients.verifier.root import RootMaker
    from medquorum.verifier.service.identity import Credentials

__all__ = ["verifier"]

EVENTS = frozenset(
    {"SubmissionsClosed", "VerdictAttested", "VerdictsClosed", "RoundClosed", "RoundConcluded", "RoundAborted"}
)
PLAIN_EVENTS = EVENTS | {"RoundOpened", "RootSubmitted", "RootAttested", "UpdateSubmitted"}
ENCRYPTED_EVENTS = EVENTS | {"UpdateVerified", "RoundVerified", "MasksAttested", "ModelAttested"}

verifier = typer.Typer(no_args_is_help=True, help="Have updates judged, verdicts and the new model written.")


@verifier.callback()
def _group() -> None:
    """Keep ``run`` a sub-command."""


@verifier.command("run")
def run(
    profile: ProfileFile,
    task: TaskName,
    takeover: Annotated[float, typer.Option(min=0, help="Seconds before doing another verifier's share.")] = 5,
    images: ImagesFile = None,
    listen: Listen = None,
    line_port: LinePort = 0,
    share_timeout: ShareTimeout = 60,
    identity: Identity = "User1",
    channel: Channel = CHANNEL,
    state: StateFolder = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Follow a task's rounds as a verifier, in an encrypted task as party P0 or P1; leave after the last round."""
    connection = Connection(profile, identity, channel, state, as_json, verbose)

    def make(session: Session, task: Task, control: LoopControl) -> Step:
        if session.msp not in task.verifiers:
            raise ConfigError(f"{session.msp} is no verifier of the task {task.task}", "Check --profile and --task")
        if task.encrypted is not None:
            # Loads the engine, which a plain task's verifier never needs.
            from medquorum.clients.encrypted.commands.party_process import PartyOptions, party

            hidden = _hidden_roots(connection, session, task, images)
            options = PartyOptions(images, listen, line_port, share_timeout, hidden)
            return stack.enter_context(party(connection, session, task, control, options))
        transactions, roots = session.transactions(task), _roots(connection, session, task, control, images)
        return Verifier(
            session.ledger, transactions, task, session.report, control, takeover=takeover, roots=roots
        ).step

    with ExitStack() as stack:
        run_role("verifier", connection, task, _events, make)


def _roots(
    connection: Connection, session: Session, task: Task, control: LoopControl, images: Path | None
) -> RootMaker | None:
    """Return what makes root updates, where the task's rule needs them."""
    rule = parse_rule(task.rule)
    if not isinstance(rule, Direction):
        return None
    # torch takes seconds to import, and no other rule needs it here.
    from medquorum.clients.verifier.root import RootMaker

    place = images or connection.profile.parent / "verification" / f"{task.task}.safetensors"
    return RootMaker(session.run(task, control), rule, place, session.channel)


def _hidden_roots(
    connection: Connection, session: Session, task: Task, images: Path | None
) -> Callable[[TaskRun, Credentials, ShareStore], HiddenRoot] | None:
    """Return what makes the root updates that P0 hands over masked, where the task's rule needs them."""
    rule, settings = parse_rule(task.rule), task.encrypted
    if not isinstance(rule, Direction) or settings is None or settings.parties[0] != session.msp:
        return None
    from medquorum.clients.encrypted.commands.party_process import images_file
    from medquorum.clients.verifier.hidden_root import HiddenRoot
    from medquorum.clients.verifier.root import RootMaker

    def make(run: TaskRun, credentials: Credentials, shares: ShareStore) -> HiddenRoot:
        maker = RootMaker(run, rule, images_file(connection, task, images), session.channel)
        return HiddenRoot(run, maker, settings, credentials, shares)

    return make


def _events(task: Task) -> frozenset[str]:
    """Return what a verifier acts on: what others verify and store of a plain task it sees when it takes over."""
    return PLAIN_EVENTS if task.encrypted is None else ENCRYPTED_EVENTS | ({"RoundOpened"} if task.has_root else set())
