# SPDX-License-Identifier: Apache-2.0
"""The masked parameters R = r + u of each update as both parties opened them: what its sum is held against later."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from medquorum.clients.encrypted.verification.round_folders import round_folder
from medquorum.core.files import write_durably
from medquorum.core.fixedpoint import IntArray
from medquorum.core.private_files import make_private_folder
from medquorum.errors import MaterialError, ProtocolError

__all__ = ["keep_masked", "masked_sum"]


def keep_masked(folder: Path, round_number: int, hospital: str, masked: IntArray) -> None:
    """Keep R (parameters,) of an update, before anything is computed from it.

    Raises
    ------
    MaterialError
        Another R was opened in an earlier attempt: the other party sent another share, or the dealer another mask.
    """
    place = _place(folder, round_number, hospital)
    raw = masked.astype("<i8", copy=False).tobytes()
    if not place.exists():
        make_private_folder(place.parent)
        write_durably(place, raw)
    elif place.read_bytes() != raw:
        raise MaterialError(
            f"the masked parameters of {hospital} in round {round_number} differ from those of an earlier attempt",
            "The other party or the dealer deviates, or the dealer lost its files: leave this update out",
        )


def masked_sum(folder: Path, round_number: int, accepted: Sequence[str], parameters: int) -> bytes:
    """Return the sum of the accepted updates' R as little-endian int64.

    Raises
    ------
    ProtocolError
        One of them is gone.
    """
    total: IntArray = np.zeros(parameters, dtype=np.int64)
    for hospital in accepted:
        place = _place(folder, round_number, hospital)
        if not place.exists():
            raise ProtocolError(f"the masked parameters of {hospital} are gone", "Abort the round")
        total += np.frombuffer(place.read_bytes(), dtype="<i8")
    return total.astype("<i8", copy=False).tobytes()


def _place(folder: Path, round_number: int, hospital: str) -> Path:
    return round_folder(folder, round_number) / f"{hospital}.masked"
