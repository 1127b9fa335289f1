# SPDX-License-Identifier: Apache-2.0
"""What a lying party does to what it was handed, and to the sums that it makes of it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from medquorum.clients.encrypted.verification.share_store import ShareStore
from medquorum.clients.encrypted.verification.summands import Summands
from medquorum.clients.ledger.round_status import RoundStatus
from medquorum.core.fixedpoint import IntArray
from medquorum.verifier.model.parameters import Held, MaskedUpdate


class ShiftedShares(ShareStore):
    """What a party was handed, to which a lying party adds ``shift`` wherever it uses it."""

    shift = 0

    def wait(self, status: RoundStatus, hospital: str, seconds: float) -> Held | None:
        held = super().wait(status, hospital, seconds)
        if not self.shift or not isinstance(held, MaskedUpdate):
            return held
        return MaskedUpdate(held.public + np.int64(self.shift))


class ShiftedSummands(Summands):
    """A party's sums, to which a lying party adds: to that of its shares, to that of the masked updates."""

    shift = 0
    masked_shift = 0

    def shares(self, status: RoundStatus, weights: Mapping[str, int]) -> IntArray:
        return super().shares(status, weights) + np.int64(self.shift)

    def masked(self, status: RoundStatus, weights: Mapping[str, int]) -> IntArray:
        return super().masked(status, weights) + np.int64(self.masked_shift)
