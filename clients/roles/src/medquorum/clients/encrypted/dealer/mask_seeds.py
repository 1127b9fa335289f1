# SPDX-License-Identifier: Apache-2.0
"""The dealer's secrets of the updates' masks, on its disk until their rounds have ended, and its salt of each round.

A mask is for one update on one channel: it follows from the channel's genesis, the task, the round, the base model and
the hospital, and is dealt for one commitment. The update names a nonce that nobody else could have given.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from medquorum.clients.encrypted.verification.round_folders import prune_rounds, round_folder
from medquorum.clients.encrypted.verification.weighted import weighted
from medquorum.core import canonical
from medquorum.core.documents.fields import MAX_MEMBERS
from medquorum.core.documents.task import Task
from medquorum.core.files import write_durably
from medquorum.core.fixedpoint import IntArray
from medquorum.core.private_files import make_private_folder
from medquorum.errors import MaterialError
from medquorum.verifier.binding.masks import update_mask
from medquorum.verifier.randomness.identifier import MaterialId
from medquorum.verifier.randomness.stream import new_seed
from medquorum.verifier.service.update_masks import UpdateMask

__all__ = ["MaskContext", "MaskSeeds"]

MOST_MASKS = 4 * MAX_MEMBERS
"""Of a round: updates and the sums asked about. One party alone can ask about as many sums as it likes."""


@dataclass(frozen=True)
class MaskContext:
    """What a mask is for.

    Attributes
    ----------
    channel
        Hash of the channel's genesis block.
    task
        Hash of what no transaction changes in the task's document.
    base
        Hash of the round's base model.
    hospital
        MSP id, or the name of a sum of updates.
    """

    channel: str
    task: str
    round: int
    base: str
    hospital: str

    @property
    def digest(self) -> bytes:
        """SHA-256 of all of it."""
        named = ["medquorum mask v1", self.channel, self.task, self.round, self.base, self.hospital]
        return hashlib.sha256(canonical.encode(named)).digest()


@dataclass(frozen=True)
class _Kept:
    """One mask's secret, what it is for, and the commitment that it was dealt for, empty before."""

    secret: bytes
    context: bytes
    commitment: str

    @property
    def mask(self) -> UpdateMask:
        """The nonce and both seeds; another context's are independent."""
        nonce, first, second = (
            hmac.digest(self.secret, use + self.context, "sha256") for use in (b"nonce", b"seed 0", b"seed 1")
        )
        return UpdateMask(nonce.hex(), (first, second))


class MaskSeeds:
    """Secrets by round and hospital: whoever has them and a party's masked parameters has the update."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._guard = threading.Lock()

    def give(self, context: MaskContext) -> UpdateMask:
        """Return an update's mask and the nonce under which it will be dealt; the same again when asked again.

        Raises
        ------
        MaterialError
            What is kept under that name is for another channel, task or base model, or the round has too many masks.
        """
        with self._guard:
            kept = self._read(context.round, context.hospital)
            if kept is None:
                self._check_room(context.round)
                kept = _Kept(new_seed(), context.digest, "")
                self._write(context, kept)
            return self._checked(context, kept).mask

    def bind(self, context: MaskContext, commitment: str, nonce: str | None) -> None:
        """Deal a mask for this commitment from now on, and for no other.

        Parameters
        ----------
        nonce
            The one that the update names; None for a sum of updates, which has none.

        Raises
        ------
        MaterialError
            The mask was dealt for another commitment, its secret is gone, the nonce is not this dealer's, or the round
            has too many masks.
        """
        if nonce is None:
            self.give(context)
        with self._guard:
            kept = self._read(context.round, context.hospital)
            if kept is None:
                raise MaterialError(
                    f"the nonce of {context.hospital} in round {context.round} is gone", "Abort the round"
                )
            self._checked(context, kept)
            if nonce is not None and not hmac.compare_digest(kept.mask.nonce, nonce):
                raise MaterialError(f"the update of {context.hospital} names another nonce", "Leave this update out")
            if kept.commitment not in ("", commitment):
                raise MaterialError(
                    f"the mask of {context.hospital} in round {context.round} was dealt for another update",
                    "Under one mask their difference would be known: leave this update out",
                )
            if not kept.commitment:
                self._write(context, _Kept(kept.secret, kept.context, commitment))

    def of(self, name: MaterialId) -> tuple[bytes, bytes]:
        """Return the seeds shared with P0 and P1 for the mask of an update that was bound.

        Raises
        ------
        MaterialError
            It was not, or its secret is gone.
        """
        kept = self._read(name.round, name.hospital)
        seeds = None if kept is None or not kept.commitment else kept.mask.seeds
        if seeds is None:
            raise MaterialError(f"the mask of {name.hospital} in round {name.round} is gone", "Abort the round")
        return seeds

    def draw_salt(self, round_number: int) -> bytes:
        """Return the salt to attest a round's masks with, drawn and kept the first time."""
        place = round_folder(self._folder, round_number) / "salt"
        if not place.exists():
            make_private_folder(place.parent)
            write_durably(place, new_seed())
        return place.read_bytes()

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

    def total(self, task: Task, round_number: int, weights: Mapping[str, int]) -> IntArray:
        """Return the sum (parameters,) of the accepted updates' masks, each times its update's weight.

        Raises
        ------
        MaterialError
            The secret of one is gone.
        ProtocolError
            The sum would hide an update among too few others.
        """

        def mask(hospital: str) -> IntArray:
            name = MaterialId(task.task, round_number, hospital)
            return update_mask(self.of(name), name, task.length // 4)

        return weighted(task, weights, mask)

    def prune(self, before: int) -> None:
        """Remove the secrets and salts of rounds before this one."""
        prune_rounds(self._folder, before)

    def _check_room(self, round_number: int) -> None:
        if sum(1 for _ in round_folder(self._folder, round_number).glob("*.mask")) >= MOST_MASKS:
            raise MaterialError(
                f"round {round_number} has {MOST_MASKS} masks already: a party asks about sums that no rule tries",
                "Abort the round, and ask both parties what they asked the dealer for",
            )

    def _checked(self, context: MaskContext, kept: _Kept) -> _Kept:
        if kept.context != context.digest:
            raise MaterialError(
                f"the mask of {context.hospital} in round {context.round} is for another channel, task or base model",
                "Give each channel's dealer a folder of its own with --state-dir",
            )
        return kept

    def _read(self, round_number: int, hospital: str) -> _Kept | None:
        place = self._place(round_number, hospital)
        if not place.exists():
            return None
        try:
            fields = json.loads(place.read_bytes())
            return _Kept(bytes.fromhex(fields["secret"]), bytes.fromhex(fields["context"]), str(fields["commitment"]))
        except (ValueError, KeyError, TypeError) as error:
            raise MaterialError(f"{place} is no mask's secret", "Abort the round") from error

    def _write(self, context: MaskContext, kept: _Kept) -> None:
        place = self._place(context.round, context.hospital)
        make_private_folder(place.parent)
        fields = {"commitment": kept.commitment, "context": kept.context.hex(), "secret": kept.secret.hex()}
        write_durably(place, json.dumps(fields).encode())

    def _place(self, round_number: int, hospital: str) -> Path:
        return round_folder(self._folder, round_number) / f"{hospital}.mask"
