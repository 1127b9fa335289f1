# SPDX-License-Identifier: Apache-2.0
"""A hospital's agent from its connection: on its own disk, with what an encrypted task needs besides."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from medquorum.clients.hospital.agent import Hospital
from medquorum.clients.runtime.options import Connection
from medquorum.clients.runtime.reconcile import LoopControl
from medquorum.clients.runtime.session import Session, task_folder
from medquorum.clients.runtime.updates import UpdateSource, UpdateStore
from medquorum.core.documents.task import Task
from medquorum.errors import ConfigError

if TYPE_CHECKING:
    from medquorum.clients.hospital.masked_uploader import MaskedUploader
    from medquorum.clients.hospital.share_uploader import ShareUploader
    from medquorum.clients.hospital.verification import OwnVerification

__all__ = ["awaited_events", "expect_hospital", "make_hospital", "updates_folder"]

PLAIN_EVENTS = frozenset(
    {"RoundOpened", "RootSubmitted", "VerdictsClosed", "RoundClosed", "RoundConcluded", "RoundAborted"}
)
ENCRYPTED_EVENTS = PLAIN_EVENTS | {"SubmissionsClosed"}
"""Then a hospital that is a party begins to verify."""


def awaited_events(task: Task) -> Collection[str]:
    """Return the events after which a hospital has something to do."""
    return PLAIN_EVENTS if task.encrypted is None else ENCRYPTED_EVENTS


def expect_hospital(session: Session, task: Task) -> None:
    """Refuse an organisation that is no hospital of a task with ``ConfigError``."""
    if session.msp not in task.hospitals:
        raise ConfigError(f"{session.msp} is no hospital of the task {task.task}", "Check --profile and --task")


def make_hospital(
    connection: Connection, session: Session, task: Task, control: LoopControl, source: UpdateSource
) -> Hospital:
    """Put a hospital's agent together."""
    store = UpdateStore(updates_folder(session.state, task.task))
    shares = _share_uploader(connection, session, task)
    verification = None if shares is None else _verification(connection, session, task, control, shares, store)
    sender = _masked_uploader(connection, session, task, store) if shares is None else shares
    transactions = session.transactions(task)
    return Hospital(session.ledger, transactions, task, source, store, session.report, sender, verification)


def updates_folder(state: Path, task: str) -> Path:
    """Return where a hospital keeps its updates of a task."""
    return task_folder(state, task) / "updates"


def _share_uploader(connection: Connection, session: Session, task: Task) -> ShareUploader | None:
    """Return what uploads shares, in an encrypted task where each hospital verifies its own updates."""
    if task.encrypted is None or not task.encrypted.semi_honest:
        return None
    from medquorum.clients.hospital.share_uploader import ShareUploader
    from medquorum.clients.runtime.credentials import user_credentials

    return ShareUploader(task, task.encrypted, session.msp, user_credentials(connection), session.report)


def _masked_uploader(connection: Connection, session: Session, task: Task, store: UpdateStore) -> MaskedUploader | None:
    """Return what hands masked updates over, in any other encrypted task."""
    if task.encrypted is None:
        return None
    from medquorum.clients.hospital.masked_uploader import MaskedUploader
    from medquorum.clients.runtime.credentials import user_credentials

    return MaskedUploader(task, task.encrypted, session.msp, user_credentials(connection), session.report, store)


def _verification(
    connection: Connection,
    session: Session,
    task: Task,
    control: LoopControl,
    sender: ShareUploader,
    store: UpdateStore,
) -> OwnVerification:
    """Return what verifies the own updates with P0."""
    from medquorum.clients.hospital.process import own_verification

    return own_verification(connection, session, task, control, sender, store)
