# SPDX-License-Identifier: Apache-2.0
"""A network of real peers for the benchmarks of the model store: clients of its organisations, models of real sizes."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from medquorum.clients.admin.tasks import task_document
from medquorum.clients.ledger.models import fetch_model
from medquorum.clients.runtime.options import Connection
from medquorum.clients.runtime.session import Session, open_session
from medquorum.clients.training.initial import drawn_model
from medquorum.core import model as modelformat
from medquorum.core.model import catalogue
from medquorum.errors import ContractError
from medquorum.network.consortium.consortium import sample, write
from medquorum.network.deployment.chaincodes import request
from medquorum.network.network import Network, open_network
from medquorum.network.supervision.progress import Progress
from medquorum_benchmarks.ledger.bringup import first_transaction

__all__ = ["MODELS", "ORDERERS", "Bench", "Model", "bench_network", "drawn"]

MODELS = ("mlp", "lenet", "resnet18")
IMAGE, CLASSES = (1, 28, 28), 10
VERIFIERS = 2
ORDERERS = {"BFT": 4, "raft": 3}
"""As many as stand the loss of one."""


@dataclass(frozen=True)
class Model:
    """A model of the catalogue with random parameters: its description's JSON, layout hash and packed bytes."""

    document: dict[str, Any]
    layout: str
    packed: bytes


def drawn(name: str, seed: int, *, incompressible: bool = False) -> Model:
    """Draw a model of 28x28 images and ten classes; no two seeds share a chunk.

    What a task begins with, whose weights have the spread of trained ones, or random integers of 32 bits, of which the
    stored form leaves nothing out.
    """
    document = catalogue.describe(name, IMAGE, CLASSES)
    description = modelformat.parse(document)
    if incompressible:
        packed = np.random.default_rng(seed).bytes(4 * modelformat.parameters(description))
    else:
        packed = drawn_model(description, seed)
    return Model(document, modelformat.layout_hash(description), packed)


@dataclass(frozen=True)
class Bench:
    """A running network with the chaincode, and a session of every organisation but the orderers."""

    network: Network
    sessions: dict[str, Session]

    @property
    def organizations(self) -> Path:
        """Where the certificates of the organisations' authorities are."""
        return self.network.folder.organizations / "peerOrganizations"

    def create_task(self, session: Session, name: str, model: Model, store: str) -> None:
        """Create a task that begins with a stored model."""
        chosen = {"task": name, "dataset": "0" * 64, "dataset_size": 1, "rounds": 1, "model_store": store}
        consortium = session.ledger.consortium()
        whole = task_document(consortium, session.msp, model.document, model.packed, chosen)
        session.consortium_transactions().submit("CreateTask", whole)

    @staticmethod
    def has(session: Session, task: str, model: str) -> bool:
        """Whether an organisation's peer has the task and every chunk; private ones not pushed to it, it fetches."""
        try:
            fetch_model(session.ledger, session.ledger.task(task), model)
        except ContractError as error:
            if not error.code.endswith("_MISSING"):
                raise
            return False
        return True


@contextmanager
def bench_network(peers: int, port_base: int, consensus: str = "BFT") -> Iterator[Bench]:
    """Bring real Fabric up with two verifiers, ``peers - 2`` hospitals and orderers; purge it afterwards."""
    with tempfile.TemporaryDirectory() as place, ExitStack() as stack:
        folder = Path(place)
        consortium = sample(
            "quickstart",
            hospitals=peers - VERIFIERS,
            port_base=port_base,
            consensus=consensus,
            orderers=ORDERERS[consensus],
        )
        write(consortium, folder / "consortium.toml")
        network = open_network(folder, Progress(quiet=True))
        stack.callback(network.down, purge=True)
        network.up("fabric")
        network.deploy(request(consortium))
        first_transaction(network)
        sessions = {}
        for organisation in consortium.organisations:
            connection = Connection(
                network.folder.profile(organisation),
                "User1",
                consortium.channel.name,
                folder / "clients" / organisation.name,
            )
            sessions[organisation.name] = stack.enter_context(open_session("bench", connection))
        yield Bench(network, sessions)
