# SPDX-License-Identifier: Apache-2.0
"""Runs a cell: its rounds, and what is measured in each."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from medquorum.clients.training.parameters import flatten

from ..cell import Cell
from .attackers import Hospitals, attacking
from .defences import REFERENCES, decide
from .federation import UNIT, Federation, Floats
from .measures import EASIEST, attack_success, harm, model_quality, share_of
from .view import Outcome, View

__all__ = ["run_cell"]

HARM_EVERY = 3
"""Rounds from one to the next in which harm is measured: it costs as much as the rule does."""


@dataclass(eq=False)
class _Record:
    """What is kept of a cell's rounds."""

    accuracy: list[float] = field(default_factory=list)
    poisoned_share: list[float | None] = field(default_factory=list)
    harms: list[dict[str, float]] = field(default_factory=list)
    refused: dict[str, int] = field(default_factory=dict)
    weighted: dict[str, int] = field(default_factory=dict)

    def add(self, view: View, outcome: Outcome) -> None:
        """Count who was refused and who has weight."""
        self.poisoned_share.append(share_of(outcome.weights, view.poisoned))
        for name in view.updates:
            self.refused[name] = self.refused.get(name, 0) + (name in outcome.refused)
            weight = None if outcome.weights is None else outcome.weights[name]
            self.weighted[name] = self.weighted.get(name, 0) + (weight is None or weight > 0)


def run_cell(cell: Cell, federation: Federation) -> dict[str, Any]:
    """Train a cell and return its measures as plain values.

    Returns
    -------
    ``accuracy`` by round from round 0; at the end ``balanced``, ``worst_class``, ``worst_hospital``, ``success`` with
    ``triggered`` images, or without an attack ``clean-badnets`` and ``clean-pairwise-flip``, what these would be
    said to reach; by hospital in how many rounds it was ``refused`` and had weight (``weighted``); ``harms``;
    ``cpu`` seconds; ``model_hash``.
    """
    started = time.process_time()
    hospitals, record = Hospitals(cell, federation), _Record()
    base = federation.first
    logits = federation.logits(base, federation.test)
    record.accuracy.append(model_quality(federation, logits)["accuracy"])
    size = len(flatten(base))
    last = np.zeros(size)
    sums: dict[str, Floats] = {name: np.zeros(size) for name in federation.shards}
    for number in range(1, cell.rounds + 1):
        view = hospitals.view(number, base, sums, last)
        outcome = decide(view)
        record.add(view, outcome)
        logits = federation.logits(outcome.model, federation.test)
        record.accuracy.append(model_quality(federation, logits)["accuracy"])
        if view.poisoned and cell.rule not in REFERENCES and number % HARM_EVERY == 0:
            clean = decide(view.only(set(view.updates) - view.poisoned))
            record.harms.append(harm(federation.test.labels, logits, federation.logits(clean.model, federation.test)))
        if cell.rule == "foolsgold":
            sums = {name: sums[name] + step for name, step in zip(view.updates, view.steps, strict=True)}
        last = (flatten(outcome.model) - flatten(base)) / UNIT
        base = outcome.model
    return _result(cell, federation, record, base, model_quality(federation, logits)) | {
        "cpu": round(time.process_time() - started, 2)
    }


def _result(
    cell: Cell, federation: Federation, record: _Record, packed: bytes, quality: dict[str, float]
) -> dict[str, Any]:
    wanted = None if cell.attack is None else attack_success(federation, cell.attack, packed)
    clean = {f"clean-{name}": attack_success(federation, name, packed) for name in EASIEST} if wanted is None else {}
    shares = [share for share in record.poisoned_share if share is not None]
    return {
        **quality,
        "cell": cell.model_dump(mode="json"),
        "accuracy": record.accuracy,
        "final_accuracy": record.accuracy[-1],
        "success": None if wanted is None else wanted[0],
        "triggered": None if wanted is None else wanted[1],
        **{name: found[0] for name, found in clean.items() if found is not None},
        "poisoned_share": sum(shares) / len(shares) if shares else None,
        "poisoned": sorted(attacking(cell)),
        "refused": record.refused,
        "weighted": record.weighted,
        "harms": record.harms,
        "model_hash": federation.model_hash(packed),
    }
