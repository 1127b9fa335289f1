# SPDX-License-Identifier: Apache-2.0
"""What the dealer deals for: the plan of its task, for an update or sum of updates of the request's round."""

from __future__ import annotations

from medquorum.clients.encrypted.verification.spec import is_sum, plan_document
from medquorum.clients.ledger.ledger import Ledger
from medquorum.core.documents.task import Task
from medquorum.errors import MaterialError, ProtocolError
from medquorum.gateway import GatewayError
from medquorum.verifier.service.dealing.request import DealRequest
from medquorum.verifier.service.refusal import outward

__all__ = ["check_request"]


def check_request(ledger: Ledger, task: Task, request: DealRequest) -> None:
    """Refuse a request that is not for a hospital of the task, or a candidate of its round that has left since.

    Raises
    ------
    MaterialError
        It is for another task, another plan, a stranger's update, or the sum of more updates than there can be.
    ContractError, ProtocolError
        The ledger, or the own peer, cannot say.
    """
    plan = request.plan
    wanted = plan_document(task, request.hospital, plan.first_batch, plan.updates, comparing=plan.comparison)
    named = not plan.updates or (task.judges_rounds and is_sum(request.hospital))
    if request.task != task.task or plan != wanted or not named or not _known(ledger, request):
        raise MaterialError(f"this is not the plan of the task {task.task}", "Compare the parties' task")


def _known(ledger: Ledger, request: DealRequest) -> bool:
    """Return whether the task has this hospital, or so many; only else ask who the frozen candidates are."""

    def fits(hospitals: set[str]) -> bool:
        return request.plan.updates <= len(hospitals) if request.plan.updates else request.hospital in hospitals

    try:
        hospitals = {*ledger.task(request.task).hospitals}
        return fits(hospitals) or fits(hospitals | {*ledger.round(request.task, request.round).candidates})
    except GatewayError as error:
        raise ProtocolError(*outward(error)) from error
