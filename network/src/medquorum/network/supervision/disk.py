# SPDX-License-Identifier: Apache-2.0
"""Room on the disk: nodes are ended while they can still end in order, and go on when there is room again."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from medquorum.errors import NetworkError

__all__ = ["Room", "check_room", "room"]

RESERVE = 128 << 20
LEAST_SHARE = 10
"""On a small disk a tenth is kept free instead."""


@dataclass(frozen=True)
class Room:
    """The bytes that are free, and those that are kept free for nodes to end with."""

    free: int
    reserve: int

    @property
    def short(self) -> bool:
        """Whether nodes have to end."""
        return self.free < self.reserve

    @property
    def ample(self) -> bool:
        """Whether ended nodes may go on: twice what they were ended for, or they would come and go."""
        return self.free >= 2 * self.reserve


def room(folder: Path) -> Room:
    """Look at the disk that a folder lies on."""
    usage = shutil.disk_usage(folder)
    return Room(usage.free, min(RESERVE, usage.total // LEAST_SHARE))


def check_room(folder: Path) -> None:
    """Refuse to start nodes where they would have to end at once.

    Raises
    ------
    NetworkError
        Less is free than nodes begin with.
    """
    found = room(folder)
    if not found.ample:
        raise NetworkError(
            f"the disk is full: {found.free >> 20} MB are free in {folder}, nodes need {2 * found.reserve >> 20}",
            "Make space, then run it again: what is on the ledger stays",
        )
