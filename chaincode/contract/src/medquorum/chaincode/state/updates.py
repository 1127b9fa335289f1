# SPDX-License-Identifier: Apache-2.0
"""Where the chunks of hospitals' updates lie: the verifiers' private collection."""

from __future__ import annotations

from medquorum.chaincode.context import Context

__all__ = ["COLLECTION", "private_key"]

COLLECTION = "updates"


def private_key(context: Context, task: str, round_number: int, hospital: str, index: int) -> str:
    """Return the key of an update's chunk in the private collection."""
    return context.key("update", task, round_number, hospital, index)
