# SPDX-License-Identifier: Apache-2.0
"""What a party's and the dealer's processes are made of: their services, and the step their loop repeats."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from medquorum.clients.encrypted.aggregation.new_model import ModelPublisher
from medquorum.clients.encrypted.aggregation.node import Node
from medquorum.clients.encrypted.aggregation.resharing import Resharer
from medquorum.clients.encrypted.commands.aggregator_process import NODE_TIMEOUT
from medquorum.clients.encrypted.dealer.approval import Approval
from medquorum.clients.encrypted.dealer.dealing import MaskAttestor
from medquorum.clients.encrypted.dealer.mask_seeds import MaskSeeds
from medquorum.clients.encrypted.party.agent import Party
from medquorum.clients.encrypted.party.hospital_sessions import ConfirmedShares, HospitalSessions
from medquorum.clients.encrypted.verification.attestation import Attestor
from medquorum.clients.encrypted.verification.dealer_material import TaskDealer
from medquorum.clients.encrypted.verification.images import mounted
from medquorum.clients.encrypted.verification.share_store import ShareStore
from medquorum.clients.encrypted.verification.spec import settings_of
from medquorum.clients.encrypted.verification.update_verification import Shares, Verification
from medquorum.clients.runtime.credentials import service_credentials
from medquorum.clients.runtime.options import Connection
from medquorum.clients.runtime.reconcile import LoopControl
from medquorum.clients.runtime.role import Step
from medquorum.clients.runtime.session import Session
from medquorum.core.documents.round import Round
from medquorum.core.documents.task import Task
from medquorum.errors import ConfigError, ProtocolError
from medquorum.verifier.service.dealing.server import Dealings
from medquorum.verifier.service.deliveries import Deliveries, Delivery, deliver
from medquorum.verifier.service.nonces import Nonces
from medquorum.verifier.service.party_connection import SILENCE_TIMEOUT, PartyConnection, PartyListener, connect_party
from medquorum.verifier.service.salts import Salts, take_salt
from medquorum.verifier.service.server import Server, Service
from medquorum.verifier.service.share_receipt import ShareReceiptService, has_share
from medquorum.verifier.service.share_upload import ShareUpload

__all__ = ["dealing", "party", "settings_of"]

CONNECT_TIMEOUT = 5.0
HOSPITAL_TIMEOUT = 120.0
"""Seconds of a hospital's silence after which P0 takes it for stopped, where hospitals verify their own updates."""


@contextmanager
def dealing(connection: Connection, session: Session, task: Task, listen: str | None) -> Iterator[Step]:
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
    dealings = Dealings(session.task_folder(task) / "dealt", approval.check, seeds.of)
    services: list[Service] = [dealings, Nonces(approval.nonce), Salts(mask_attestor.salt)]
    with Server(service_credentials(connection), address, services):
        session.report.event("listening", address=address)
        yield mask_attestor.step


@contextmanager
def party(
    connection: Connection,
    session: Session,
    task: Task,
    control: LoopControl,
    images: Path | None,
    listen: str | None,
    share_patience: float,
) -> Iterator[Step]:
    """Return a party's step; its service listens as long as the context lasts."""
    settings = settings_of(task)
    index = settings.parties.index(session.msp)
    other = settings.parties[1 - index]
    credentials = service_credentials(connection)
    folder = session.task_folder(task)
    file = images or connection.profile.parent / "verification" / f"{task.task}.safetensors"
    private, missing = mounted(file, task) if index == 0 else (None, None)
    if missing is not None:
        session.report.event("dataset_missing", cause=missing.cause, remedy=missing.remedy)
    shares = ShareStore(folder / "shares", session.ledger, task, index)
    listener = PartyListener(HOSPITAL_TIMEOUT if settings.semi_honest else SILENCE_TIMEOUT)

    def connect(name: str) -> PartyConnection:
        if index == 0:
            return listener.accept(name, other, CONNECT_TIMEOUT)
        return connect_party(credentials, settings.services[other], other, name, CONNECT_TIMEOUT)

    def confirmed(round_number: int, hospital: str) -> bool:
        return has_share(
            credentials, settings.services[other], other, task.task, round_number, hospital, CONNECT_TIMEOUT
        )

    def accuracy(current: Round, packed: bytes) -> Mapping[str, Any] | None:
        if missing is not None:
            raise ProtocolError(missing.cause, missing.remedy)  # its node waits: P0 has to say how the model does
        return publisher.accuracy(current, packed)

    def send(receiver: str, header: Delivery, messages: Sequence[bytes]) -> None:
        if receiver == session.msp:
            node.take(receiver, header, messages)
        else:
            deliver(credentials, settings.services[receiver], receiver, header, messages, NODE_TIMEOUT)

    transactions = session.transactions(task)
    both: Shares = ConfirmedShares(shares, confirmed, control) if settings.semi_honest and index == 0 else shares
    verification = Verification(
        session.ledger,
        task,
        index,
        TaskDealer(task, credentials, index),
        both,
        private,
        folder,
        session.report,
        control,
    )
    publisher = ModelPublisher(transactions, task, verification.base, private, folder, session.report)
    node = Node(
        session.ledger,
        transactions,
        task,
        send,
        lambda round_number: take_salt(
            credentials, settings.services[settings.dealer], settings.dealer, task.task, round_number, NODE_TIMEOUT
        ),
        lambda base: verification.base(base)[0],
        accuracy,
        folder,
        session.report,
        control,
    )
    attestor = Attestor(session.ledger, transactions, task, session.report, control)
    sessions = HospitalSessions(
        task.task,
        lambda name, peer: listener.accept(name, peer, CONNECT_TIMEOUT),
        both,
        verification,
        attestor,
        control,
    )
    agent = Party(
        session.ledger,
        task,
        index,
        connect,
        shares,
        verification,
        Resharer(session.ledger, task, index, shares, send, folder, session.report),
        publisher,
        attestor,
        session.report,
        control,
        share_patience=share_patience,
        missing=missing,
        sessions=sessions if settings.semi_honest and index == 0 else None,
    )

    def step() -> float | None:
        first = agent.step()
        second = None if first is None else node.step()
        return None if first is None or second is None else min(first, second)

    address = listen or settings.services[session.msp]
    own: Service = (
        listener
        if index == 0
        else ShareReceiptService(other, lambda name, *update: name == task.task and shares.holds(*update))
    )
    serving: list[Service] = [ShareUpload(shares.longest, shares.take), Deliveries(node.sizes, node.take), own]
    with closing(sessions), Server(credentials, address, serving):
        session.report.event("listening", address=address)
        yield step
