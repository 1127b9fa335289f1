# SPDX-License-Identifier: Apache-2.0
"""Asking the task's dealer for a verification's randomness, as one of its two parties."""

from __future__ import annotations

from collections.abc import Callable

from chaincode.contract.task import Task
from clients.party.order import plan_document, settings_of
from verifier.service.dealrequest import DealRequest
from verifier.service.identity import Credentials
from verifier.service.material import Material
from verifier.session import Order

__all__ = ["material_for"]


def material_for(task: Task, credentials: Credentials, index: int) -> Callable[[Order, int, int], Material]:
    """Give what asks for an order's material, for an attempt and its first batch, as party ``index``."""
    settings = settings_of(task)
    address = settings.services[settings.dealer]

    def take(order: Order, attempt: int, first: int) -> Material:
        name = order.name
        plan = plan_document(task, name.hospital, first)
        request = DealRequest(name.task, name.round, name.hospital, attempt, index, plan)
        return Material.take(credentials, address, settings.dealer, request)

    return take
