# SPDX-License-Identifier: Apache-2.0
"""The devnet's own folder: one process at a time, and which peers are switched off."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterable
from pathlib import Path
from typing import TextIO

from medquorum.core.private_files import make_private_folder
from medquorum.errors import NetworkError

__all__ = ["DownList", "lock"]


def lock(folder: Path) -> TextIO:
    """Take the folder for this process until the file is closed.

    Raises
    ------
    NetworkError
        When another devnet has it.
    """
    make_private_folder(folder)
    (folder / "lock").touch(mode=0o600)
    file = (folder / "lock").open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.close()
        raise NetworkError(f"another devnet runs in {folder}", "Take it down first: scripts/network.sh down") from error
    return file


class DownList:
    """The MSP ids whose peers are switched off, also after a restart."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> set[str]:
        """Return the MSP ids."""
        return set(json.loads(self._path.read_text())) if self._path.exists() else set()

    def write(self, msp_ids: Iterable[str]) -> None:
        """Replace the list."""
        new = self._path.with_suffix(".new")
        new.write_text(json.dumps(sorted(msp_ids)))
        new.replace(self._path)
