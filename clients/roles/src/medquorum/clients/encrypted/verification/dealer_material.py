# SPDX-License-Identifier: Apache-2.0
"""The task's dealer, as one of the two parties of a verification asks it for randomness."""

from __future__ import annotations

from medquorum.clients.encrypted.verification.spec import direction_document, plan_document, settings_of
from medquorum.core.documents.task import Task
from medquorum.verifier.comparison.backends import Comparing
from medquorum.verifier.service.dealing.material import Material, measure_dealer
from medquorum.verifier.service.dealing.request import DealRequest
from medquorum.verifier.service.identity import Credentials
from medquorum.verifier.session.spec import VerificationSpec

__all__ = ["TaskDealer", "deal_request"]


class TaskDealer:
    """The dealer of a task, asked as party ``index``."""

    def __init__(self, task: Task, credentials: Credentials, index: int) -> None:
        settings = settings_of(task)
        self._task = task
        self._credentials = credentials
        self._index = index
        self._dealer = settings.dealer
        self._address = settings.services[settings.dealer]

    def take(self, spec: VerificationSpec, attempt: int, first: int, comparing: Comparing) -> Material:
        """Ask for a verification's material, for an attempt, its first batch and its comparison back end."""
        request = deal_request(self._task, self._index, spec, attempt, first, comparing)
        return Material.take(self._credentials, self._address, self._dealer, request)

    def bandwidth(self) -> float:
        """Measure the bytes a second that come from the dealer."""
        return measure_dealer(self._credentials, self._address, self._dealer)


def deal_request(
    task: Task, index: int, spec: VerificationSpec, attempt: int, first: int, comparing: Comparing
) -> DealRequest:
    """Return what party ``index`` asks the dealer for."""
    name = spec.name
    averaging = spec.plan.averaging
    updates = 0 if averaging is None else averaging.updates
    return DealRequest(
        task=name.task,
        round=name.round,
        hospital=name.hospital,
        updates=tuple((hospital, commitment) for hospital, commitment in spec.facts["updates"]),
        attempt=attempt,
        party=index,
        plan=plan_document(task, name.hospital, first, updates, comparing=comparing)
        if spec.step is None
        else direction_document(task, spec.step, first, comparing),
    )
