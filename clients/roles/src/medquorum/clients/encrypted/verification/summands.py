# SPDX-License-Identifier: Apache-2.0
"""What a party adds up of verified updates: its share of each, and the masked parameters that both parties have."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from medquorum.clients.encrypted.verification.masked_parameters import kept_mask, kept_masked
from medquorum.clients.encrypted.verification.share_store import Shares, submitted, update_context
from medquorum.clients.encrypted.verification.weighted import weighted
from medquorum.clients.ledger.round_status import RoundStatus
from medquorum.core.documents.task import Task
from medquorum.core.fixedpoint import IntArray
from medquorum.errors import ProtocolError
from medquorum.verifier.binding.masked_update import masked_share
from medquorum.verifier.binding.masks import mask_share
from medquorum.verifier.model.parameters import Held, MaskedUpdate
from medquorum.verifier.randomness.identifier import MaterialId

__all__ = ["Summands"]


class Summands:
    """One party's summands of one task.

    Parameters
    ----------
    folder
        Where the verifications kept what they saw of the updates' masks.
    """

    def __init__(self, shares: Shares, folder: Path, task: Task, index: int) -> None:
        self._shares = shares
        self._folder = folder
        self._task = task
        self._index = index

    def shares(self, status: RoundStatus, weights: Mapping[str, int]) -> IntArray:
        """Return the sum (parameters,) of the updates' shares, each times its weight, modulo 2^64.

        Raises
        ------
        ProtocolError
            Something of an update is gone.
        """
        return weighted(self._task, weights, lambda hospital: self._share(status, hospital))

    def masked(self, status: RoundStatus, weights: Mapping[str, int]) -> IntArray:
        """Return the same sum of the updates' R; raises the same."""
        return weighted(self._task, weights, lambda hospital: self._masked(status, hospital))

    def masks(self, status: RoundStatus, weights: Mapping[str, int]) -> IntArray:
        """Return the same sum of this party's parts of the masks; raises the same."""
        return weighted(self._task, weights, lambda hospital: self.mask(status, hospital))

    def mask(self, status: RoundStatus, hospital: str) -> IntArray:
        """Return this party's part (parameters,) of an update's mask, or the root update's; raises the same."""
        number = submitted(status, hospital).round
        name = MaterialId(self._task.task, number, hospital)
        return mask_share(self._index, kept_mask(self._folder, number, hospital), name, self._task.length // 4)

    def _share(self, status: RoundStatus, hospital: str) -> IntArray:
        held = self._held(status, hospital)
        if not isinstance(held, MaskedUpdate):
            return held
        update = status.updates[hospital]
        seed = kept_mask(self._folder, update.round, hospital)
        return masked_share(update_context(update), self._index, held.public, seed)

    def _masked(self, status: RoundStatus, hospital: str) -> IntArray:
        update = status.updates[hospital]
        if update.masked is None:
            return kept_masked(self._folder, update.round, hospital)
        held = self._held(status, hospital)
        if not isinstance(held, MaskedUpdate):
            raise ProtocolError(f"the masked update of {hospital} is gone", "Abort the round")
        return held.public

    def _held(self, status: RoundStatus, hospital: str) -> Held:
        held = self._shares.wait(status, hospital, 0)
        if held is None:
            raise ProtocolError(f"the share of {hospital} is gone", "Abort the round: its sum cannot be opened")
        return held
