# SPDX-License-Identifier: Apache-2.0
"""Updates on their author's own disk: stored with their salts before anything of them leaves the house."""

from __future__ import annotations

import hashlib
import json
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from medquorum.core import model as modelformat
from medquorum.core.documents.update import MAX_SUBMITTED, SALT_BYTES, private_value
from medquorum.core.files import write_durably
from medquorum.core.private_files import make_private_folder
from medquorum.errors import DataError, ModelError

__all__ = ["StoredUpdate", "UpdateSource", "UpdateStore"]


@dataclass(frozen=True)
class StoredUpdate:
    """An update as it is submitted; the same after every restart."""

    base: str
    packed: bytes = field(repr=False)
    salts: bytes = field(repr=False)

    @cached_property
    def values(self) -> list[bytes]:
        """The private values, one for each chunk."""
        return [
            private_value(self.salts[index * SALT_BYTES : (index + 1) * SALT_BYTES], chunk)
            for index, chunk in enumerate(modelformat.split(self.packed))
        ]

    @cached_property
    def chunks(self) -> list[str]:
        """The hashes of the private values, hex."""
        return [hashlib.sha256(value).hexdigest() for value in self.values]

    @property
    def transient(self) -> dict[str, bytes]:
        """The transient data of its submission: the private values, by their names there; nothing of a large update."""
        if sum(map(len, self.values)) > MAX_SUBMITTED:
            return {}
        return {f"chunk{index}": value for index, value in enumerate(self.values)}


class UpdateStore:
    """The updates of one author for one task, a folder each; readable by its owner only."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def save(self, round_number: int, base: str, packed: bytes) -> StoredUpdate:
        """Store a new update under fresh salts; it is on disk when this returns.

        Raises
        ------
        OSError
            The folder cannot be written.
        """
        update = StoredUpdate(base, packed, secrets.token_bytes(SALT_BYTES * len(modelformat.split(packed))))
        place = self._place(round_number)
        make_private_folder(place)
        write_durably(place / "parameters.bin", packed)
        write_durably(place / "salts.bin", update.salts)
        # Written last: it says that the other files are whole, and which they are.
        record = {"base": base, "chunks": update.chunks}
        write_durably(place / "update.json", json.dumps(record).encode())
        return update

    def load(self, round_number: int) -> StoredUpdate | None:
        """Return the update of a round, None when none was stored to the end.

        Raises
        ------
        DataError
            The files are not what was stored.
        """
        place = self._place(round_number)
        if not (place / "update.json").exists():
            return None
        try:
            record = json.loads((place / "update.json").read_text())
            update = StoredUpdate(
                record["base"], (place / "parameters.bin").read_bytes(), (place / "salts.bin").read_bytes()
            )
            intact = record["chunks"] == update.chunks
        except (OSError, ValueError, KeyError, TypeError, RecursionError, ModelError) as error:
            raise DataError(f"the stored update in {place} cannot be read: {error}", f"Remove {place}") from error
        if not intact:
            raise DataError(f"the stored update in {place} was changed", f"Remove {place} to train again")
        return update

    def attach(self, round_number: int, name: str, value: bytes) -> None:
        """Store a value beside a round's update; it is on disk when this returns, and goes with the update."""
        write_durably(self._place(round_number) / name, value)

    def attached(self, round_number: int, name: str) -> bytes | None:
        """Return a value that was stored beside a round's update."""
        place = self._place(round_number) / name
        return place.read_bytes() if place.exists() else None

    def first(self) -> StoredUpdate | None:
        """Return the earliest update still stored."""
        rounds = self._rounds()
        return self.load(rounds[0]) if rounds else None

    def latest(self) -> int | None:
        """Return the last round whose update is stored."""
        return max(self._rounds(), default=None)

    def prune(self, before: int) -> None:
        """Remove the updates of rounds before this one."""
        for round_number in self._rounds():
            if round_number < before:
                shutil.rmtree(self._place(round_number))

    def _rounds(self) -> list[int]:
        return sorted(int(place.parent.name) for place in self._folder.glob("[0-9]*/update.json"))

    def _place(self, round_number: int) -> Path:
        return self._folder / f"{round_number:06d}"


class UpdateSource(Protocol):
    """What a hospital takes its updates from, and who says how good a model is on its own data."""

    def update(self, round_number: int, base: bytes, store: UpdateStore) -> bytes | None:
        """Return the round's packed update from the packed base model; None when there is none, or not yet."""
        ...

    def quality(self, packed: bytes) -> Mapping[str, Any]:
        """Return what is told of a packed model, such as ``accuracy``; nothing where nothing was measured."""
        ...

    def oldest_needed(self, round_number: int) -> int:
        """Return the first round whose update must stay on disk when ``round_number`` comes next."""
        ...
