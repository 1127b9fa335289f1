# SPDX-License-Identifier: Apache-2.0
"""What a chaincode process has of its own: whose it is, its verification sets, its computations and their results."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from medquorum.chaincode.held_updates import HeldUpdates
from medquorum.chaincode.jobs import JobRunner, LruCache
from medquorum.chaincode.verification_sets import VerificationSets
from medquorum.core import rules
from medquorum.core.inference import AccuracyCounts

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
    refusing with ``NOT_READY``. Bytes of models and updates are bounded.
    """

    msp_id: str
    sets: VerificationSets
    founding: str | None = None
    """The :func:`~medquorum.core.documents.consortium.founding_hash` of the first consortium it endorses."""
    job_runner: JobRunner = field(default_factory=JobRunner)
    bases: LruCache[bytes] = field(default_factory=lambda: LruCache(MODELS))
    base_counts: LruCache[AccuracyCounts] = field(default_factory=lambda: LruCache(RESULTS))
    base_lock: threading.Lock = field(default_factory=threading.Lock)
    """Held by the computation that evaluates a base; the others of its round wait for that."""
    updates: HeldUpdates = field(default_factory=HeldUpdates)
    digests: LruCache[str] = field(default_factory=lambda: LruCache(RESULTS))
    begun: LruCache[str] = field(default_factory=lambda: LruCache(RESULTS))
    """The commitment whose evaluation began with its submission, by task, round and hospital."""
    candidates: LruCache[rules.Candidate] = field(default_factory=lambda: LruCache(RESULTS))
    verdicts: LruCache[tuple[rules.Verdict, ...]] = field(default_factory=lambda: LruCache(RESULTS))
    new_models: LruCache[NewModel] = field(default_factory=lambda: LruCache(MODELS))
