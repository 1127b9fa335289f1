# SPDX-License-Identifier: Apache-2.0
"""Who may send a transaction: the role of its organisation and the kind of its certificate."""

from __future__ import annotations

from collections.abc import Sequence

from medquorum.chaincode.context import Context
from medquorum.errors import ContractError

__all__ = ["check_client", "check_local", "check_member"]


def check_client(context: Context, *units: str) -> None:
    """Refuse a certificate without one of the organisational units (``client`` or ``admin`` by default).

    Peers and orderers hold valid identities of their organisation too, and must not act for it.

    Raises
    ------
    ContractError
        ``ACCESS_DENIED``.
    """
    allowed = units or ("client", "admin")
    own_units = context.identity.organizational_units
    if not set(own_units) & set(allowed):
        raise ContractError(
            "ACCESS_DENIED",
            f"the certificate of {context.msp} has the organisational units {list(own_units)}",
            f"Send this with an identity of {' or '.join(allowed)}",
        )


def check_member(context: Context, role: str, having: Sequence[str], named: Sequence[str | None]) -> None:
    """Refuse everyone but a client of an organisation that has the role and that the task names for it.

    Raises
    ------
    ContractError
        ``ACCESS_DENIED``, naming the organisations that may.
    """
    check_client(context)
    allowed = [msp for msp in having if msp in named]
    if context.msp not in allowed:
        raise ContractError(
            "ACCESS_DENIED", f"{context.msp} is not a {role} here", f"This is for {', '.join(allowed) or 'nobody'}"
        )


def check_local(context: Context) -> None:
    """Refuse clients of other organisations than the one this chaincode process serves.

    Raises
    ------
    ContractError
        ``ACCESS_DENIED``.
    """
    check_client(context)
    if context.msp != context.node.msp_id:
        raise ContractError(
            "ACCESS_DENIED",
            f"this peer belongs to {context.node.msp_id}, the proposal comes from {context.msp}",
            "Ask the peer of your own organisation",
        )
