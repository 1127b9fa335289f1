# SPDX-License-Identifier: Apache-2.0
"""Names of correlated randomness: which gate of which evaluation it is for. Every name is used once."""

from __future__ import annotations

from dataclasses import dataclass, replace

from medquorum.core import canonical

__all__ = ["MODEL_BATCH", "MaterialId"]

MODEL_BATCH = -1
"""Batch number of what is done once per model."""


@dataclass(frozen=True)
class MaterialId:
    """The name of a gate's material.

    Attributes
    ----------
    hospital
        MSP id.
    attempt
        Grows whenever a verification or a batch of it is begun anew.
    batch
        Batch of images, or MODEL_BATCH.
    gate
        Layer and gate, unique in the program.
    """

    task: str
    round: int
    hospital: str
    attempt: int = 0
    batch: int = MODEL_BATCH
    gate: str = ""

    def at(self, batch: int, gate: str) -> MaterialId:
        """Name a gate of the same verification."""
        return replace(self, batch=batch, gate=gate)

    def of_update(self) -> MaterialId:
        """Name the mask of an update's parameters, which all attempts have in common."""
        return replace(self, attempt=0, batch=MODEL_BATCH, gate="parameters")

    def label(self, party: int) -> bytes:
        """Return the bytes that key a party's stream for this gate."""
        return canonical.encode([self.task, self.round, self.hospital, self.attempt, self.batch, self.gate, party])
