# SPDX-License-Identifier: Apache-2.0
"""What a party's and the dealer's processes are made of: their services, and the step their loop repeats."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medquorum.clients.encrypted.aggregation.new_model import ModelPublisher
from medquorum.clients.encrypted.aggregation.node import Node
from medquorum.clients.encrypted.aggregation.resharing import Resharer
from medquorum.clients.encrypted.commands.aggregator_process import NODE_TIMEOUT
from medquorum.clients.encrypted.dealer.approval import Approval
from medquorum.clients.encrypted.dealer.dealing import MaskAttestor
from medquorum.clients.encrypted.dealer.mask_seeds import MaskSeeds
from medquorum.clients.encrypted.party.agent import Party, PartyParts, Roots
from medquorum.clients.encrypted.party.hospital_sessions import ConfirmedShares, HospitalSessions
from medquorum.clients.encrypted.verification.attestation import Attestor
from medquorum.clients.encrypted.verification.dealer_material import TaskDealer
from medquorum.clients.encrypted.verification.images import PrivateImages, mounted
from medquorum.clients.encrypted.verification.share_store import Shares, ShareStore
from medquorum.clients.encrypted.verification.spec import settings_of
from medquorum.clients.encrypted.verification.summands import Summands
from medquorum.clients.encrypted.verification.update_verification import Verification
from medquorum.clients.runtime.credentials import service_credentials
from medquorum.clients.runtime.options import Connection
from medquorum.clients.runtime.reconcile import LoopControl
from medquorum.clients.runtime.role import Step
from medquorum.clients.runtime.session import Session
from medquorum.clients.runtime.task_run import TaskRun
from medquorum.core.documents.round import Round
from medquorum.core.documents.task import Task
from medquorum.errors import ConfigError, DataError, ProtocolError
from medquorum.verifier.service.dealing.server import Dealings
from medquorum.verifier.service.deliveries import Deliveries, Delivery, deliver
from medquorum.verifier.service.identity import Credentials
from medquorum.verifier.service.line.listener import Lines
from medquorum.verifier.service.party_connection import SILENCE_TIMEOUT, PartyConnection, PartyListener, connect_party
from medquorum.verifier.service.salts import Salts, take_salt
from medquorum.verifier.service.server import Server, Service
from medquorum.verifier.service.share_receipt import ShareReceiptService, has_share
from medquorum.verifier.service.share_upload import ShareUpload
from medquorum.verifier.service.update_masks import UpdateMasks

__all__ = ["PartyOptions", "dealing", "images_file", "party", "settings_of"]

CONNECT_TIMEOUT = 5.0
HOSPITAL_TIMEOUT = 120.0
"""Seconds of a hospital's silence after which P0 takes it for stopped, where hospitals verify their own updates."""


@contextmanager
def dealing(connection: Connection, session: Session, task: Task, listen: str | None, line_port: int) -> Iterator[Step]:
    """Return the dealer's step; its service listens as long as the context lasts.

    Raises
    ------
    ConfigError
        The task has another dealer, or is plain.
    """
    settings = settings_of(task)
    if settings.dealer != session.msp:
        raise ConfigError(f"{session.msp} is not the dealer of the task {task.task}", "Check --profile and --task")

    address = listen or settings.services[session.msp]
    seeds = MaskSeeds(session.task_folder(task))
    mask_attestor = MaskAttestor(session.ledger, session.transactions(task), task, seeds, session.report)
    approval = Approval(session.ledger, task, session.genesis, seeds)
    credentials = service_credentials(connection)
    lines = Lines(credentials, address, line_port)
    dealings = Dealings(session.task_folder(task) / "dealt", lines, approval.check, seeds.of)
    services: list[Service] = [dealings, UpdateMasks(approval.mask), Salts(mask_attestor.salt)]
    with lines, Server(credentials, address, services):
        session.report.event("listening", address=address)
        yield mask_attestor.step


@dataclass(frozen=True)
class PartyOptions:
    """What a party's command line says: its images, where it listens, how long it waits for shares.

    ``line_port`` is where P0 awaits lines; 0 takes a free one.

    ``roots`` returns, at P0, what makes root updates where the task's rule has them.
    """

    images: Path | None
    listen: str | None
    line_port: int
    share_timeout: float
    roots: Callable[[TaskRun, Credentials, ShareStore], Roots] | None = None


@contextmanager
def party(
    connection: Connection, session: Session, task: Task, control: LoopControl, options: PartyOptions
) -> Iterator[Step]:
    """Return a party's step; its service listens as long as the context lasts."""
    made = _PartyProcess(connection, session.run(task, control), options)
    with (
        closing(made.sessions),
        made.lines if made.index == 0 else nullcontext(),
        Server(made.credentials, made.address, made.services()),
    ):
        session.report.event("listening", address=made.address)
        yield made.step


def images_file(connection: Connection, task: Task, given: Path | None) -> Path:
    """Return where an organisation's verification set lies: as given, or beside its profile."""
    return given or connection.profile.parent / "verification" / f"{task.task}.safetensors"


class _PartyProcess:
    """A party's parts, put together; the other organisations are reached with the service's own certificate."""

    def __init__(self, connection: Connection, run: TaskRun, options: PartyOptions) -> None:
        self.run = run
        self.settings = settings_of(run.task)
        self.index = self.settings.parties.index(run.msp)
        self.other = self.settings.parties[1 - self.index]
        self.credentials = service_credentials(connection)
        self.address = options.listen or self.settings.services[run.msp]
        self.lines = Lines(self.credentials, self.address, options.line_port)
        self.listener = PartyListener(self.lines, HOSPITAL_TIMEOUT if self.settings.semi_honest else SILENCE_TIMEOUT)
        images, self.missing = self._mounted(connection, options)
        self.shares = ShareStore(run.folder / "shares", run.ledger, run.task, self.index)
        both: Shares = ConfirmedShares(self.shares, self._confirmed, run.control) if self._serves else self.shares
        dealer = TaskDealer(run.task, self.credentials, self.index)
        verification = Verification(run, self.index, dealer, both, images)
        base = verification.base
        self.publisher = ModelPublisher(run.transactions, run.task, base, images, run.folder, run.report)
        self.node = Node(run, self._send, self._salt, lambda model: base(model)[0], self._accuracy)
        attestor = Attestor(run.ledger, run.transactions, run.task, run.report, run.control)
        self.sessions = HospitalSessions(run.task.task, self._accept, both, verification, attestor, run.control)
        summands = Summands(self.shares, run.folder, run.task, self.index)
        resharer = Resharer(run.ledger, run.task, self.index, summands, self._send, run.folder, run.report)
        self.agent = Party(
            run,
            self.index,
            self._connect,
            PartyParts(self.shares, verification, resharer, self.publisher),
            share_timeout=options.share_timeout,
            missing=self.missing,
            sessions=self.sessions if self._serves else None,
            roots=None
            if options.roots is None or self.missing is not None
            else options.roots(run, self.credentials, self.shares),
        )

    def step(self) -> float | None:
        """Do what is due as a party, then as a node."""
        first = self.agent.step()
        second = None if first is None else self.node.step()
        return None if first is None or second is None else min(first, second)

    def services(self) -> list[Service]:
        """Return what other organisations may ask of this one."""
        task = self.run.task.task
        own: Service = (
            self.listener
            if self.index == 0
            else ShareReceiptService(self.other, lambda name, *update: name == task and self.shares.holds(*update))
        )
        return [ShareUpload(self.shares.longest, self.shares.take), Deliveries(self.node.sizes, self.node.take), own]

    @property
    def _serves(self) -> bool:
        """Whether this is P0 of hospitals that verify their own updates."""
        return self.settings.semi_honest and self.index == 0

    def _mounted(self, connection: Connection, options: PartyOptions) -> tuple[PrivateImages | None, DataError | None]:
        """Return P0's images, or why they are not there."""
        if self.index != 0:
            return None, None
        images, missing = mounted(images_file(connection, self.run.task, options.images), self.run.task)
        if missing is not None:
            self.run.report.event("dataset_missing", cause=missing.cause, remedy=missing.remedy)
        return images, missing

    def _connect(self, name: str) -> PartyConnection:
        if self.index == 0:
            return self._accept(name, self.other)
        address = self.settings.services[self.other]
        return connect_party(self.credentials, address, self.other, name, CONNECT_TIMEOUT)

    def _accept(self, name: str, peer: str) -> PartyConnection:
        return self.listener.accept(name, peer, CONNECT_TIMEOUT)

    def _confirmed(self, round_number: int, hospital: str) -> bool:
        address, task = self.settings.services[self.other], self.run.task.task
        return has_share(self.credentials, address, self.other, task, round_number, hospital, CONNECT_TIMEOUT)

    def _accuracy(self, round_: Round, packed: bytes) -> Mapping[str, Any] | None:
        if self.missing is not None:  # the node waits: P0 has to say how the model does
            raise ProtocolError(self.missing.cause, self.missing.remedy)
        return self.publisher.accuracy(round_, packed)

    def _send(self, receiver: str, header: Delivery, messages: Sequence[bytes]) -> None:
        if receiver == self.run.msp:
            self.node.take(receiver, header, messages)
        else:
            deliver(self.credentials, self.settings.services[receiver], receiver, header, messages, NODE_TIMEOUT)

    def _salt(self, round_number: int) -> bytes:
        dealer, task = self.settings.dealer, self.run.task.task
        return take_salt(self.credentials, self.settings.services[dealer], dealer, task, round_number, NODE_TIMEOUT)
