# SPDX-License-Identifier: Apache-2.0
"""What a hospital's process is made of where it verifies its own updates with P0."""

from __future__ import annotations

from dataclasses import replace

from medquorum.clients.encrypted.verification.attestation import Attestor
from medquorum.clients.encrypted.verification.dealer_material import TaskDealer
from medquorum.clients.encrypted.verification.spec import settings_of
from medquorum.clients.encrypted.verification.update_verification import Verification
from medquorum.clients.hospital.share_uploader import ShareUploader
from medquorum.clients.hospital.verification import OwnShare, OwnVerification
from medquorum.clients.runtime.credentials import user_credentials
from medquorum.clients.runtime.options import Connection
from medquorum.clients.runtime.reconcile import LoopControl
from medquorum.clients.runtime.session import Session
from medquorum.clients.runtime.updates import UpdateStore
from medquorum.core.documents.task import Task
from medquorum.verifier.service.party_connection import PartyConnection, connect_party

__all__ = ["own_verification"]

CONNECT_TIMEOUT = 5.0


def own_verification(
    connection: Connection,
    session: Session,
    task: Task,
    control: LoopControl,
    sender: ShareUploader,
    store: UpdateStore,
) -> OwnVerification:
    """Connect a hospital's verification with P0's service and the dealer's, under the hospital's own certificate."""
    settings = settings_of(task)
    first = settings.parties[0]
    credentials = user_credentials(connection)

    def connect(name: str) -> PartyConnection:
        return connect_party(credentials, settings.services[first], first, name, CONNECT_TIMEOUT)

    run = session.run(task, control)
    own = replace(run, folder=run.folder / "verification")
    verification = Verification(own, 1, TaskDealer(task, credentials, 1), OwnShare(sender, store), None)
    attestor = Attestor(run.ledger, run.transactions, task, run.report, control)
    return OwnVerification(task, session.msp, connect, verification, attestor, control)
