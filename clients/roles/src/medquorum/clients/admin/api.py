# SPDX-License-Identifier: Apache-2.0
"""An administrator's part from Python: what ``medquorum.admin`` shows and the command line runs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from medquorum.clients.admin import dataset
from medquorum.clients.admin.options import mixing_weight, rule_document
from medquorum.clients.admin.tasks import store_model, task_document
from medquorum.clients.data.images import Images
from medquorum.clients.ledger.round_status import read_document
from medquorum.clients.ledger.transactions import Transactions
from medquorum.clients.runtime.options import Connection
from medquorum.clients.runtime.report import EventHandler, EventReport
from medquorum.clients.runtime.session import CHANNEL, Session
from medquorum.clients.runtime.session import connect as open_connection
from medquorum.clients.training.formats.model_file import read_model
from medquorum.core import canonical
from medquorum.core import model as modelformat
from medquorum.core.dataset import VerificationSet
from medquorum.core.documents.task import Task
from medquorum.core.model import ModelDescription
from medquorum.gateway import read_profile

if TYPE_CHECKING:
    import torch
    from torch import nn

    Initial: TypeAlias = nn.Module | Mapping[str, torch.Tensor] | Path | None

__all__ = ["AdminConnection", "connect", "initial_model", "verification_set"]


class AdminConnection:
    """An administrator who is connected; from ``connect``."""

    def __init__(self, session: Session) -> None:
        self._session = session

    @property
    def msp(self) -> str:
        """The administrator's organisation, as the ledger names it."""
        return self._session.msp

    def tasks(self) -> list[str]:
        """Return the names of all tasks."""
        return self._session.ledger.tasks()

    def init_consortium(self, document: Mapping[str, Any]) -> None:
        """Write the consortium's first members and roles; once, with the identity ``Admin``.

        ``document`` is ``{"quorum": k, "members": {MSP: [role, ...]}}``.
        """
        verifiers = [msp for msp, roles in document.get("members", {}).items() if "verifier" in roles]
        quorum = int(document.get("quorum", 0))
        Transactions(self._session.ledger.contract, verifiers, quorum, self.msp).submit("InitConsortium", document)

    def create_task(
        self,
        name: str,
        model: Mapping[str, Any],
        *,
        dataset: str,
        dataset_size: int,
        initial: Initial = None,
        rounds: int = 10,
        mixing: str = "1/2",
        rule: str | Mapping[str, Any] = "strict",
        settings: Mapping[str, Any] | None = None,
        seed: int = 0,
    ) -> Task:
        """Store the initial model and create a task; the own organisation coordinates it.

        Parameters
        ----------
        model
            A model description: what ``describe`` returns, or one of the catalogue's.
        dataset, dataset_size
            The verification set's commitment and its number of images.
        initial
            The module described, another state dict of its names, or a safetensors file; None draws one from ``seed``.
        mixing
            λ, the base model's weight: A/2^k or a decimal.
        rule
            A rule's name or its document (docs/reference/ledger.md).
        settings
            Further fields of the task (docs/reference/ledger-documents.md).

        Raises
        ------
        ConfigError, ModelError, ContractError
            A value, the model or the task's document is wrong.
        """
        numerator, bits = mixing_weight(mixing)
        chosen: dict[str, Any] = {
            "task": name,
            "dataset": dataset,
            "dataset_size": dataset_size,
            "rounds": rounds,
            "lambda_numerator": numerator,
            "lambda_bits": bits,
            "rule": rule_document(rule) if isinstance(rule, str) else dict(rule),
        }
        return self.create_task_of(model, initial, chosen | dict(settings or {}), seed)

    def create_task_of(
        self,
        model: Mapping[str, Any],
        initial: Initial,
        chosen: Mapping[str, Any],
        seed: int = 0,
    ) -> Task:
        """Create a task of a model and fields as the ledger names them; errors as of ``create_task``."""
        session = self._session
        description = modelformat.parse(model)
        packed = initial_model(description, initial, seed)
        whole = task_document(session.ledger.consortium(), session.msp, model, packed, chosen)
        transactions = session.consortium_transactions()
        layout = modelformat.layout_hash(description)
        store_model(session.ledger, transactions, layout, packed, whole["model_store"], session.report)
        return read_document(Task, json.loads(transactions.submit("CreateTask", whole)))

    def update_hospitals(self, task: str, hospitals: Sequence[str]) -> list[str]:
        """Make these (MSP ids) a task's hospitals from now on; new ones take part from the next round."""
        transactions = self._session.consortium_transactions()
        answer = canonical.decode(transactions.submit("UpdateHospitals", task, json.dumps(list(hospitals))))
        return [str(hospital) for hospital in answer["hospitals"]]


def verification_set(
    images: npt.NDArray[Any], labels: npt.NDArray[np.integer], classes: int | None = None, *, numbers: bool = False
) -> VerificationSet:
    """Make the set that verifiers judge on, under a fresh salt; its ``write`` makes the file that each of them mounts.

    Parameters
    ----------
    images
        uint8 (n, height, width), (n, height, width, 1 or 3) or (n, 1, height, width).
    classes
        How many there are; by default those that occur. Of several labels for each image how many these are.
    numbers
        The images are numbers that are no pixels: int16, or floats, of shape (n, features), (n, channels, time) or
        (n, channels, height, width).

    Raises
    ------
    DataError
        The arrays are no labelled images, or all of one class.
    """
    if numbers:
        return dataset.verification_set(Images.from_numbers(images, labels), classes)
    return dataset.verification_set(Images.from_arrays(images, labels), classes)


def initial_model(description: ModelDescription, initial: Initial, seed: int) -> bytes:
    """Pack the model a task begins with; torch is loaded for a module, and to draw one.

    Raises
    ------
    ModelError, RangeError
        Its tensors are not the model's, not finite or out of range.
    """
    if isinstance(initial, Path):
        return read_model(description, initial)
    if initial is None:
        from medquorum.clients.training.initial import drawn_model

        return drawn_model(description, seed)
    from medquorum.clients.training.formats.state import pack_module, pack_state

    if isinstance(initial, Mapping):
        return pack_state(initial, description, None)
    return pack_module(initial, description, None)


@contextmanager
def connect(
    profile: Path | str,
    identity: str = "User1",
    *,
    channel: str = CHANNEL,
    state: Path | str | None = None,
    on_event: EventHandler = lambda event: None,
) -> Iterator[AdminConnection]:
    """Connect through the own peer while the context lasts; nothing of the process is changed.

    Parameters
    ----------
    profile
        Connection profile of the own organisation; its wallet lies beside it.
    identity
        A label of the wallet.
    state
        The administrator's own folder; by default ``medquorum-state/admin-MSP``.
    on_event
        Called with every event, as ``--json`` prints them.

    Raises
    ------
    ConfigError
        Profile or identity cannot be used, or another process uses the folder.
    """
    place = Connection(Path(profile), identity, channel, None if state is None else Path(state))
    report = EventReport("admin", read_profile(place.profile).msp_id, on_event)
    with open_connection("admin", place, report) as session:
        session.outbox.recover()
        yield AdminConnection(session)
