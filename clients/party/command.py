# SPDX-License-Identifier: Apache-2.0
"""``medquorum witness`` and ``medquorum dealer``, and what ``medquorum verifier`` does in an encrypted task."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from chaincode.contract.task import Task
from clients.credentials import service_credentials
from clients.follow import POLL, Wake
from clients.options import AsJson, Channel, Connection, Identity, ProfileFile, StateFolder, TaskName, Verbose
from clients.party.order import plan_document, settings_of
from clients.role import Step, run_role
from clients.session import CHANNEL, Session
from medquorum import ConfigError, ProtocolError
from verifier.service.dealing import Dealings
from verifier.service.dealrequest import DealRequest
from verifier.service.handover import Handover
from verifier.service.line import Line, Lines, open_line
from verifier.service.material import Material
from verifier.service.server import Server
from verifier.session import Order

__all__ = ["ImagesFile", "Listen", "SharePatience", "dealer", "party", "witness"]

EVENTS = frozenset(
    {"SubmissionsClosed", "VerdictsClosed", "ModelAttested", "ModelChunkStored", "RoundClosed", "RoundAborted"}
)
LINE_TIMEOUT = 5.0

ImagesFile: TypeAlias = Annotated[
    Path | None, typer.Option("--images", help="P0's verification set  [default: verification/TASK.safetensors]")
]
Listen: TypeAlias = Annotated[
    str | None, typer.Option("--listen", help="host:port of the own service  [default: what the task names]")
]
SharePatience: TypeAlias = Annotated[
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
    share_patience: SharePatience = 60,
    identity: Identity = "User1",
    channel: Channel = CHANNEL,
    state: StateFolder = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Follow an encrypted task's rounds as party P1; leave after the last round."""
    connection = Connection(profile, identity, channel, state, as_json, verbose)

    def make(session: Session, task: Task, wake: Wake) -> Step:
        if settings_of(task).parties[1] != session.msp:
            raise ConfigError(f"{session.msp} is not the witness of the task {task.task}", "Check --profile and --task")
        return stack.enter_context(party(connection, session, task, wake, None, listen, share_patience))

    with ExitStack() as stack:
        run_role("witness", connection, task, EVENTS, make)


@dealer.command("run")
def run_dealer(
    profile: ProfileFile,
    task: TaskName,
    listen: Listen = None,
    identity: Identity = "User1",
    channel: Channel = CHANNEL,
    state: StateFolder = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Deal for an encrypted task; leave after its last round."""
    connection = Connection(profile, identity, channel, state, as_json, verbose)

    def make(session: Session, task: Task, _wake: Wake) -> Step:
        settings = settings_of(task)
        if settings.dealer != session.msp:
            raise ConfigError(f"{session.msp} is not the dealer of the task {task.task}", "Check --profile and --task")

        def approve(request: DealRequest) -> None:
            wanted = plan_document(task, request.plan.first_batch)
            if request.task != task.task or request.hospital not in task.hospitals or request.plan != wanted:
                raise ProtocolError(f"this is not the plan of the task {task.task}", "Compare the parties' task")

        dealings = Dealings(session.state / f"{task.task}.dealt", approve)
        address = listen or settings.services[session.msp]
        stack.enter_context(Server(service_credentials(connection), address, [dealings]))
        session.report.event("listening", address=address)

        def step() -> float | None:
            current = session.ledger.current_round(task.task)
            done = current is not None and current.round >= task.rounds and current.state in ("closed", "aborted")
            return None if done else POLL

        return step

    with ExitStack() as stack:
        run_role("dealer", connection, task, {"RoundClosed", "RoundAborted"}, make)


@contextmanager
def party(
    connection: Connection,
    session: Session,
    task: Task,
    wake: Wake,
    images: Path | None,
    listen: str | None,
    share_patience: float,
) -> Iterator[Step]:
    """Give a party's step; its service listens as long as the context lasts."""
    # Evaluating needs what a plain verifier's client never loads.
    from clients.party.agent import PartyAgent
    from clients.party.images import PrivateImages
    from clients.party.newmodel import NewModel
    from clients.party.shares import ShareStore
    from clients.party.verification import Verification

    settings = settings_of(task)
    index = settings.parties.index(session.msp)
    other = settings.parties[1 - index]
    credentials = service_credentials(connection)
    folder = session.state / task.task
    mounted = images or connection.profile.parent / "verification" / f"{task.task}.safetensors"
    private = PrivateImages(mounted, task) if index == 0 else None
    shares = ShareStore(folder / "shares", session.ledger, task, index)
    lines = Lines()

    def line(name: str) -> Line:
        if index == 0:
            return lines.accept(name, other, LINE_TIMEOUT)
        return open_line(credentials, settings.services[other], other, name, LINE_TIMEOUT)

    def material(order: Order, attempt: int, first: int) -> Material:
        name = order.name
        request = DealRequest(name.task, name.round, name.hospital, attempt, index, plan_document(task, first))
        return Material.take(credentials, settings.services[settings.dealer], settings.dealer, request)

    transactions = session.transactions(task)
    verification = Verification(session.ledger, task, index, material, shares, private, folder, session.report, wake)
    model = NewModel(session.ledger, transactions, task, shares, verification, private, folder, session.report)
    agent = PartyAgent(
        session.ledger,
        transactions,
        task,
        index,
        line,
        shares,
        verification,
        model,
        session.report,
        wake,
        share_patience=share_patience,
    )
    address = listen or settings.services[session.msp]
    with Server(credentials, address, [Handover(shares.take), *([lines] if index == 0 else [])]):
        session.report.event("listening", address=address)
        yield agent.step
