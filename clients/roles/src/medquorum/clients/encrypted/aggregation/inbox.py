# SPDX-License-Identifier: Apache-2.0
"""What a node has been sent in a round, on its disk until the round has ended.

In a round's folder one for each choice of nodes, in it ``MSP.reshare`` and ``MSP.masked`` (a hash) of each party,
``MSP.sum`` of each node, its own included, and ``masked.vector``: the sum of the accepted updates' masked parameters.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from medquorum.clients.encrypted.verification.round_folders import round_folder
from medquorum.core import canonical
from medquorum.core.files import write_durably
from medquorum.core.private_files import make_private_folder
from medquorum.errors import ShareError

__all__ = ["CHOICES", "Inbox", "Sharing"]

CHOICES = 16
"""Choices of nodes in a round: the parties choose anew when a node is gone."""


class Sharing:
    """What came for one choice of nodes."""

    def __init__(self, folder: Path, nodes: Sequence[str]) -> None:
        self.nodes = tuple(nodes)
        self._folder = folder

    def keep(self, name: str, value: bytes) -> None:
        """Keep a value; the same again changes nothing.

        Raises
        ------
        ShareError
            Another value is kept under that name.
        """
        place = self._folder / name
        if place.exists():
            if place.read_bytes() != value:
                raise ShareError(f"another {name} was taken before", "A node takes one of each party and round")
            return
        make_private_folder(self._folder)
        write_durably(place, value)

    def has(self, *names: str) -> bool:
        """Return whether all of these came."""
        return all((self._folder / name).exists() for name in names)

    def read(self, name: str) -> bytes:
        """Return what came."""
        return (self._folder / name).read_bytes()


class Inbox:
    """All of a node's rounds."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def sharing(self, round_number: int, nodes: Sequence[str]) -> Sharing:
        """Return what came for a choice of nodes."""
        named = canonical.encode(list(nodes))
        return Sharing(self._place(round_number) / hashlib.sha256(named).hexdigest()[:16], nodes)

    def new_sharing(self, round_number: int, nodes: Sequence[str]) -> Sharing:
        """Return the same, and note the choice.

        Raises
        ------
        ShareError
            There have been too many choices in this round.
        """
        sharing = self.sharing(round_number, nodes)
        if not sharing.has("nodes.json") and len(self.sharings(round_number)) >= CHOICES:
            raise ShareError(f"{CHOICES} choices of nodes were made in round {round_number}", "Abort the round")
        sharing.keep("nodes.json", canonical.encode(list(nodes)))
        return sharing

    def sharings(self, round_number: int) -> list[Sharing]:
        """Return all that came in a round."""
        choices = sorted(self._place(round_number).glob("*/nodes.json"))
        return [Sharing(place.parent, json.loads(place.read_bytes())) for place in choices]

    def _place(self, round_number: int) -> Path:
        return round_folder(self._folder, round_number) / "aggregation"
