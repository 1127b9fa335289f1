# SPDX-License-Identifier: Apache-2.0
"""What a node's own process is made of, where its organisation is no party: its service and its step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from chaincode import modelformat
from chaincode.documents.task import Task
from chaincode.modelformat import Tensors
from clients.aggregator.node import Node
from clients.credentials import service_credentials
from clients.follow import Wake
from clients.models import fetch_model
from clients.options import Connection
from clients.role import Step
from clients.session import Session
from medquorum import ConfigError
from verifier.service.deliveries import Deliveries, Delivery, deliver
from verifier.service.salts import take_salt
from verifier.service.server import Server

__all__ = ["NODE_TIMEOUT", "aggregating"]

NODE_TIMEOUT = 2.0
"""Seconds in which another node or the dealer must be there."""


@contextmanager
def aggregating(connection: Connection, session: Session, task: Task, wake: Wake, listen: str | None) -> Iterator[Step]:
    """Give the node's step; its service listens as long as the context lasts.

    Raises
    ------
    ConfigError
        The organisation is no node of the task, or a party, whose own process is its node.
    """
    settings = task.encrypted
    if settings is None or session.msp not in settings.aggregators or session.msp in settings.parties:
        raise ConfigError(
            f"{session.msp} needs no aggregator's process in the task {task.task}",
            "Nodes are named in the task; a party's own process is its node",
        )
    credentials = service_credentials(connection)

    def send(node: str, header: Delivery, messages: Sequence[bytes]) -> None:
        deliver(credentials, settings.services[node], node, header, messages, NODE_TIMEOUT)

    def salt(round: int) -> bytes:
        return take_salt(
            credentials, settings.services[settings.dealer], settings.dealer, task.task, round, NODE_TIMEOUT
        )

    def base(model: str) -> Tensors:
        return modelformat.unpack(modelformat.parse(task.model), fetch_model(session.ledger, task, model))

    transactions, folder = session.transactions(task), session.state / task.task
    node = Node(session.ledger, transactions, task, send, salt, base, lambda *_: None, folder, session.report, wake)
    address = listen or settings.services[session.msp]
    with Server(credentials, address, [Deliveries(node.sizes, node.take)]):
        session.report.event("listening", address=address)
        yield node.step
