# SPDX-License-Identifier: Apache-2.0
"""What a node's own process is made of, where its organisation is no party: its service and its step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from medquorum.clients.encrypted.aggregation.node import Node
from medquorum.clients.ledger.models import fetch_model
from medquorum.clients.runtime.credentials import service_credentials
from medquorum.clients.runtime.options import Connection
from medquorum.clients.runtime.reconcile import LoopControl
from medquorum.clients.runtime.role import Step
from medquorum.clients.runtime.session import Session
from medquorum.core import model as modelformat
from medquorum.core.documents.task import Task
from medquorum.core.model import Tensors
from medquorum.errors import ConfigError
from medquorum.verifier.service.deliveries import Deliveries, Delivery, deliver
from medquorum.verifier.service.salts import take_salt
from medquorum.verifier.service.server import Server

__all__ = ["NODE_TIMEOUT", "aggregating"]

NODE_TIMEOUT = 2.0
"""Seconds in which another node or the dealer must be there."""


@contextmanager
def aggregating(
    connection: Connection, session: Session, task: Task, control: LoopControl, listen: str | None
) -> Iterator[Step]:
    """Return the node's step; its service listens as long as the context lasts.

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

    def salt(round_number: int) -> bytes:
        return take_salt(
            credentials, settings.services[settings.dealer], settings.dealer, task.task, round_number, NODE_TIMEOUT
        )

    def base(model: str) -> Tensors:
        return modelformat.unpack(modelformat.parse(task.model), fetch_model(session.ledger, task, model))

    node = Node(session.run(task, control), send, salt, base, lambda *_: None)
    address = listen or settings.services[session.msp]
    with Server(credentials, address, [Deliveries(node.sizes, node.take)]):
        session.report.event("listening", address=address)
        yield node.step
