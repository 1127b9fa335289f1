# SPDX-License-Identifier: Apache-2.0
"""The dealer's seeds of the updates' masks, on its disk until their rounds have ended, and its salt of each round."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from medquorum.clients.encrypted.verification.round_folders import prune_rounds, round_folder
from medquorum.core.files import write_durably
from medquorum.core.fixedpoint import IntArray
from medquorum.core.private_files import make_private_folder
from medquorum.errors import MaterialError
from medquorum.verifier.binding.masks import update_mask
from medquorum.verifier.randomness.identifier import MaterialId
from medquorum.verifier.randomness.stream import SEED_BYTES, new_seed

__all__ = ["MaskSeeds"]


class MaskSeeds:
    """Seeds by round and hospital: whoever has them and a party's masked parameters has the update."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def of(self, name: MaterialId) -> tuple[bytes, bytes]:
        """Return the seeds shared with P0 and P1 for an update's mask, drawn and kept when first asked for."""
        raw = self._kept(name.round, f"{name.hospital}.seeds", lambda: new_seed() + new_seed())
        return raw[:SEED_BYTES], raw[SEED_BYTES:]

    def draw_salt(self, round_number: int) -> bytes:
        """Return the salt to attest a round's masks with, drawn and kept the first time."""
        return self._kept(round_number, "salt", new_seed)

    def salt(self, round_number: int) -> bytes:
        """Return the salt that a round's masks were attested with.

        Raises
        ------
        MaterialError
            It is gone: another one would make every sum look shifted.
        """
        place = round_folder(self._folder, round_number) / "salt"
        if not place.exists():
            raise MaterialError(f"the salt of round {round_number} is gone", "Abort the round")
        return place.read_bytes()

    def total(self, task: str, round_number: int, accepted: Sequence[str], parameters: int) -> IntArray:
        """Return the sum (parameters,) of the accepted updates' masks.

        Raises
        ------
        MaterialError
            The seeds of one are gone.
        """
        total: IntArray = np.zeros(parameters, dtype=np.int64)
        for hospital in accepted:
            if not (round_folder(self._folder, round_number) / f"{hospital}.seeds").exists():
                raise MaterialError(f"the mask of {hospital} in round {round_number} is gone", "Abort the round")
            name = MaterialId(task, round_number, hospital)
            total += update_mask(self.of(name), name, parameters)
        return total

    def prune(self, before: int) -> None:
        """Remove the seeds and salts of rounds before this one."""
        prune_rounds(self._folder, before)

    def _kept(self, round_number: int, name: str, draw: Callable[[], bytes]) -> bytes:
        place = round_folder(self._folder, round_number) / name
        if not place.exists():
            make_private_folder(place.parent)
            write_durably(place, draw())
        return place.read_bytes()
