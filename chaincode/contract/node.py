# SPDX-License-Identifier: Apache-2.0
"""What a chaincode process has of its own: whose it is, its verification sets, its computations and their results."""

from __future__ import annotations

from dataclasses import dataclass, field

from chaincode.contract.verification import VerificationSets
from chaincode.contract.workshop import Memo, Workshop

__all__ = ["Node"]

RESULTS = 4096
MODELS = 3


@dataclass(frozen=True)
class Node:
    """One organisation's chaincode process; nothing of it may change what a transaction reads or writes."""

    msp_id: str
    sets: VerificationSets
    workshop: Workshop = field(default_factory=Workshop)
    results: Memo[object] = field(default_factory=lambda: Memo(RESULTS))
    models: Memo[bytes] = field(default_factory=lambda: Memo(MODELS))
