# SPDX-License-Identifier: Apache-2.0
"""What a party keeps of an update's mask: the seed of its part, and R = r + u where the parties opened it themselves.

What its sum is held against later, and a share of it, follow from these.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from medquorum.clients.encrypted.verification.round_folders import round_folder
from medquorum.core.files import write_durably
from medquorum.core.fixedpoint import IntArray
from medquorum.core.private_files import make_private_folder
from medquorum.errors import MaterialError, ProtocolError

__all__ = ["keep_mask", "keep_masked", "kept_mask", "kept_masked"]


def keep_masked(folder: Path, round_number: int, hospital: str, masked: IntArray) -> None:
    """Keep R (parameters,) of an update that was opened, before anything is computed from it.

    Raises
    ------
    MaterialError
        Another R was opened in an earlier attempt: the other party sent another share, or the dealer another mask.
    """
    _keep(folder, round_number, f"{hospital}.masked", masked.astype("<i8", copy=False).tobytes())


def kept_masked(folder: Path, round_number: int, hospital: str) -> IntArray:
    """Return R (parameters,); ProtocolError where it is gone."""
    return np.frombuffer(_kept(folder, round_number, f"{hospital}.masked"), dtype="<i8")


def keep_mask(folder: Path, round_number: int, hospital: str, seed: bytes) -> None:
    """Keep the seed of the party's part of an update's mask; MaterialError where another one came earlier."""
    _keep(folder, round_number, f"{hospital}.mask", seed)


def kept_mask(folder: Path, round_number: int, hospital: str) -> bytes:
    """Return the seed; ProtocolError where it is gone."""
    return _kept(folder, round_number, f"{hospital}.mask")


def _keep(folder: Path, round_number: int, name: str, raw: bytes) -> None:
    place = round_folder(folder, round_number) / name
    if not place.exists():
        make_private_folder(place.parent)
        write_durably(place, raw)
    elif place.read_bytes() != raw:
        raise MaterialError(
            f"{name} of round {round_number} differs from that of an earlier attempt",
            "The other party or the dealer deviates, or the dealer lost its files: leave this update out",
        )


def _kept(folder: Path, round_number: int, name: str) -> bytes:
    place = round_folder(folder, round_number) / name
    if not place.exists():
        raise ProtocolError(f"{name} of round {round_number} is gone", "Abort the round")
    return place.read_bytes()
