# SPDX-License-Identifier: Apache-2.0
"""What a hospital's process is made of where it verifies its own updates with P0."""

from __future__ import annotations

from chaincode.documents.task import Task
from clients.credentials import user_credentials
from clients.follow import Wake
from clients.hospital.handover import ShareSender
from clients.hospital.updates import UpdateStore
from clients.hospital.verification import OwnShare, OwnVerification
from clients.options import Connection
from clients.party.attesting import Attesting
from clients.party.material import TaskDealer
from clients.party.order import settings_of
from clients.party.verification import Verification
from clients.session import Session
from verifier.service.line import Line, open_line

__all__ = ["own_verification"]

LINE_TIMEOUT = 5.0


def own_verification(
    connection: Connection, session: Session, task: Task, wake: Wake, sender: ShareSender, store: UpdateStore
) -> OwnVerification:
    """Connect a hospital's verification with P0's service and the dealer's, under the hospital's own certificate."""
    settings = settings_of(task)
    first = settings.parties[0]
    credentials = user_credentials(connection)

    def line(name: str) -> Line:
        return open_line(credentials, settings.services[first], first, name, LINE_TIMEOUT)

    verification = Verification(
        session.ledger,
        task,
        1,
        TaskDealer(task, credentials, 1),
        OwnShare(sender, store),
        None,
        session.state / task.task / "verification",
        session.report,
        wake,
    )
    attesting = Attesting(session.ledger, session.transactions(task), task, session.report, wake)
    return OwnVerification(task, session.msp, line, verification, attesting, wake)
