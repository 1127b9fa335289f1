# SPDX-License-Identifier: Apache-2.0
"""A folder for each round, named by its number: removed once the round has ended."""

from __future__ import annotations

import shutil
from pathlib import Path

from medquorum.clients.runtime.logs import get_logger

__all__ = ["prune_rounds", "round_folder"]


def round_folder(folder: Path, round_number: int) -> Path:
    """Return where a round's files lie."""
    return folder / f"{round_number:06d}"


def prune_rounds(folder: Path, before: int) -> None:
    """Remove the files of rounds before this one; what is being written just then goes with the next call."""
    for place in folder.glob("[0-9]*"):
        if int(place.name) < before:
            try:
                shutil.rmtree(place)
            except OSError as error:
                get_logger().warning("round_folder_left", folder=str(place), cause=str(error))
