# SPDX-License-Identifier: Apache-2.0
"""The dealer's memory of what it has dealt: a file to which names are added before their first byte is sent."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from medquorum.core.files import sync_folder
from medquorum.core.private_files import make_private_folder
from medquorum.errors import DataError, MaterialError

__all__ = ["Record"]


class Record:
    """Names that are used once; they outlive the process.

    Parameters
    ----------
    path
        One name a line; made when missing. A last line without its end is of a crash before anything was sent.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._guard = threading.Lock()
        try:
            make_private_folder(path.parent)
            path.touch(mode=0o600)
            with path.open("a+b") as file:
                file.seek(0)
                whole = file.read()
                complete = whole[: whole.rfind(b"\n") + 1]
                file.truncate(len(complete))
                os.fsync(file.fileno())
            sync_folder(path.parent)
        except OSError as error:
            raise DataError(f"cannot keep the record {path}: {error.strerror}", "Make the folder writable") from error
        self._used = set(complete.splitlines())

    def check(self, name: bytes) -> None:
        """Check that a name was not used.

        Raises
        ------
        MaterialError
            It was.
        """
        if name in self._used:
            raise MaterialError("this attempt was dealt before", "Ask for the next attempt")

    def uses(self, start: bytes) -> int:
        """Return how many of the names begin so."""
        return sum(name.startswith(start) for name in self._used)

    def use(self, name: bytes) -> None:
        """Use a name; on return it is on the disk.

        Raises
        ------
        MaterialError
            It was used before.
        DataError
            It cannot be written.
        """
        with self._guard:
            self.check(name)
            self._used.add(name)  # also when it may not have reached the disk
            try:
                with self._path.open("ab") as file:
                    file.write(name + b"\n")
                    file.flush()
                    os.fsync(file.fileno())
            except OSError as error:
                raise DataError(f"cannot write {self._path}: {error.strerror}", "Make room on the disk") from error
