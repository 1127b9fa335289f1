# SPDX-License-Identifier: Apache-2.0
"""What a chaincode process has of its own: whose it is, its verification sets, its computations and their results."""

from __future__ import annotations

from dataclasses import dataclass, field

from medquorum.chaincode.jobs import Memo, Workshop
from medquorum.chaincode.verification_sets import VerificationSets
from medquorum.core import rules
from medquorum.core.inference import Merit

__all__ = ["NewModel", "Node"]

RESULTS = 4096
MODELS = 2


@dataclass(frozen=True)
class NewModel:
    """A round's new model as this process computed it; ``base`` and ``correct`` are correct counts."""

    model: str
    chunks: list[str]
    packed: bytes = field(repr=False)
    base: int
    correct: int


@dataclass(frozen=True)
class Node:
    """One organisation's chaincode process.

    A transaction's reads and writes never depend on what is remembered here: that only decides between answering and
    refusing with ``NOT_READY``. Bytes of models are bounded by the small capacity of their memos.
    """

    msp_id: str
    sets: VerificationSets
    workshop: Workshop = field(default_factory=Workshop)
    bases: Memo[bytes] = field(default_factory=lambda: Memo(MODELS))
    merits: Memo[Merit] = field(default_factory=lambda: Memo(RESULTS))
    digests: Memo[str] = field(default_factory=lambda: Memo(RESULTS))
    verdicts: Memo[tuple[rules.Verdict, ...]] = field(default_factory=lambda: Memo(RESULTS))
    new_models: Memo[NewModel] = field(default_factory=lambda: Memo(MODELS))
