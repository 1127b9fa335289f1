# SPDX-License-Identifier: Apache-2.0
"""What a party keeps of a verification on disk: attempts it began, and its shares of the batches it finished."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from medquorum.core.files import sync_folder
from medquorum.core.fixedpoint import IntArray
from medquorum.errors import DataError, MaterialError
from medquorum.verifier.comparison.backends import Comparing, comparing_named

__all__ = ["Batch", "Journal", "common_batches"]


@dataclass(frozen=True)
class Batch:
    """A finished batch: the attempt it was made in, the party's shares of its counts, the digest of what was opened."""

    attempt: int
    counts: IntArray = field(repr=False)
    digest: str


class Journal:
    """One verification's file, appended to and synced line by line; a half-written last line never happened.

    Parameters
    ----------
    path
        In a folder that is there. Readable by its owner only: shares of counts are secrets.

    Raises
    ------
    MaterialError
        The file is not a journal.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.attempts = 0
        """Number of the last attempt begun; 0 before the first."""
        self.comparing: Comparing | None = None
        """The comparison back end of the last attempt begun."""
        self.batches: list[Batch] = []
        self.refusals = 0
        """How often in a row the dealer has refused its material."""
        self._entered = False
        """Whether the file's own entry is known to be on the disk."""
        if path.exists():
            self._read()

    def begin(self, attempt: int, kept: int, comparing: Comparing) -> None:
        """Write, before any of its material is used, that an attempt begins after the first ``kept`` batches.

        Raises
        ------
        MaterialError
            The attempt is not newer than all before it: its material may have been used.
        DataError
            It cannot be written: the attempt's material must not be asked for.
        """
        if attempt <= self.attempts:
            raise MaterialError(
                f"attempt {attempt} of {self._path.stem} was begun before", "Begin with a higher attempt number"
            )
        self._append({"attempt": attempt, "kept": kept, "comparing": comparing})
        self._begun(attempt, kept, comparing)

    def finish(self, batch: Batch) -> None:
        """Write a finished batch's shares."""
        self._append({"counts": batch.counts.tolist(), "digest": batch.digest})
        self.batches.append(batch)
        self.refusals = 0

    def refused(self) -> None:
        """Write that the dealer refused the attempt's material."""
        self._append({"refused": self.attempts})
        self.refusals += 1

    def _begun(self, attempt: int, kept: int, comparing: Comparing) -> None:
        self.attempts = attempt
        self.comparing = comparing
        del self.batches[kept:]

    def _append(self, entry: dict[str, object]) -> None:
        line = json.dumps(entry).encode() + b"\n"
        try:
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                if os.write(descriptor, line) != len(line):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            if not self._entered:
                sync_folder(self._path.parent)
                self._entered = True
        except OSError as error:
            raise DataError(f"cannot write {self._path}: {error.strerror}", "Make room on the disk") from error

    def _read(self) -> None:
        raw = self._path.read_bytes()
        whole = raw[: raw.rfind(b"\n") + 1]
        if len(whole) < len(raw):
            os.truncate(self._path, len(whole))
        try:
            for line in whole.splitlines():
                entry = json.loads(line)
                if "attempt" in entry:
                    self._begun(int(entry["attempt"]), int(entry["kept"]), comparing_named(entry["comparing"]))
                elif "refused" in entry:
                    self.refusals += 1
                else:
                    self.refusals = 0
                    counts = np.array(entry["counts"], dtype=np.int64)
                    self.batches.append(Batch(self.attempts, counts, str(entry["digest"])))
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
            raise MaterialError(
                f"{self._path} is not a verification's journal: {error}",
                "Remove it only after the round has ended: what it says was used must not be used again",
            ) from error


def common_batches(own: Sequence[int], other: Sequence[int]) -> int:
    """Count the leading batches that both parties finished in the same attempts: only their shares belong together."""
    pairs = enumerate(zip(own, other, strict=False))
    return next((place for place, (first, second) in pairs if first != second), min(len(own), len(other)))
