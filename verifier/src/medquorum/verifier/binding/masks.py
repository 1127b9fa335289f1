# SPDX-License-Identifier: Apache-2.0
"""The masks of updates: what binds the opened sum of the accepted updates to what was evaluated.

1. Both parties have R_i = r_i + u_i of update i: handed over by its hospital, or opened from shares. Of the others only
   the dealer knows u_i, the same in every attempt.
2. Before any sum is opened the dealer attests a salted hash of the sum of W_i·u_i over the accepted updates, W_i their
   public integer weights.
3. S, the opened sum, must be that of W_i·r_i: then the sum of W_i·R_i less S is that of W_i·u_i, and the hash fits.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from medquorum.core import canonical
from medquorum.core.fixedpoint import IntArray
from medquorum.verifier.randomness.identifier import MaterialId
from medquorum.verifier.randomness.material import GateDealer
from medquorum.verifier.randomness.stream import Stream

__all__ = ["mask_share", "masks_hash", "update_mask"]

_TAG = b"medquorum masks v2"


def update_mask(seeds: tuple[bytes, bytes], name: MaterialId, parameters: int) -> IntArray:
    """Return the mask u (parameters,) of an update, from the seeds shared with P0 and P1."""
    return GateDealer(seeds, name.of_update()).mask((parameters,))


def mask_share(index: int, seed: bytes, name: MaterialId, parameters: int) -> IntArray:
    """Return the part (parameters,) of an update's mask that party ``index`` knows, from its seed."""
    return Stream(seed, name.of_update().label(index)).words(parameters)


def masks_hash(task: str, round_number: int, weights: Mapping[str, int], salt: bytes, total: IntArray) -> str:
    """Return the hex SHA-256 of tag ‖ [task, round, weights] ‖ salt ‖ the masks' sum (parameters,), little-endian."""
    digest = hashlib.sha256(_TAG + canonical.encode([task, round_number, dict(weights)]) + salt)
    digest.update(total.astype("<i8", copy=False).data)
    return digest.hexdigest()
