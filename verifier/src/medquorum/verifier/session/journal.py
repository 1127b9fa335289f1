# SPDX-License-Identifier: Apache-2.0
"""What a party keeps of a verification on disk: attempts it began, and its shares of the batches it finished."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from medquorum.core.files import sync_folder
from medquorum.core.fixedpoint import IntArray
from medquorum.errors import DataError, MaterialError
from medquorum.verifier.comparison.backends import Comparing, comparing_named
from medquorum.verifier.opening.result import ResultShare
from medquorum.verifier.session.greeting import BaseCounts

__all__ = ["Batch", "Journal", "KeptResult", "common_batches"]


@dataclass(frozen=True)
class Batch:
    """A finished batch: the attempt it was made in, the party's shares of its counts, the digest of what was opened."""

    attempt: int
    counts: IntArray = field(repr=False)
    digest: str


@dataclass(frozen=True)
class KeptResult:
    """A party's share of the result, on its disk before anything of it is revealed.

    Attributes
    ----------
    statement
        P0's, as it was when the share was made: it cannot be chosen after the result.
    digests
        Of the back end and the messages before the result's.
    """

    attempt: int
    share: ResultShare = field(repr=False)
    statement: BaseCounts | None
    digests: tuple[str, ...]


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
        self.dealt = 0
        """For how many attempts material was taken."""
        self.result: KeptResult | None = None
        """The last attempt's share of the result, where it came so far."""
        self.revealing: bytes | None = None
        """What the other party committed to, once the own share may be revealed: then no attempt is begun any more."""
        self._entered = False
        """Whether the file's own entry is known to be on the disk."""
        if path.exists():
            self._read()

    def begin(self, attempt: int, kept: int, comparing: Comparing) -> None:
        """Write, before any of its material is used, that an attempt begins after the first ``kept`` batches.

        Raises
        ------
        MaterialError
            The attempt is not newer than all before it: its material may have been used. Or its result may be known.
        DataError
            It cannot be written: the attempt's material must not be asked for.
        """
        if self.revealing is not None:
            raise MaterialError(
                f"the result of {self._path.stem} may be known", "Reveal the same share: nothing is evaluated again"
            )
        if attempt <= self.attempts:
            raise MaterialError(
                f"attempt {attempt} of {self._path.stem} was begun before", "Begin with a higher attempt number"
            )
        self._append({"attempt": attempt, "kept": kept, "comparing": comparing})
        self._begun(attempt, kept, comparing)

    def take_material(self) -> None:
        """Write that the attempt's material has come; the dealer counts such attempts, too."""
        self._append({"dealt": self.attempts})
        self.dealt += 1

    def finish(self, batch: Batch) -> None:
        """Write a finished batch's shares."""
        self._append({"counts": batch.counts.tolist(), "digest": batch.digest})
        self.batches.append(batch)
        self.refusals = 0

    def keep_result(self, result: KeptResult) -> None:
        """Write the share of the result, before the other party is told anything of it."""
        self._append(
            {
                "digests": list(result.digests),
                "statement": None if result.statement is None else result.statement.model_dump(),
                "values": [value.hex() for value in result.share.values],
            }
        )
        self.result = result

    def reveal(self, commitments: bytes) -> None:
        """Write what the other party committed to, before the own share of the result leaves."""
        if self.revealing is None:
            self._append({"revealing": commitments.hex()})
            self.revealing = commitments

    def refused(self) -> None:
        """Write that the dealer refused the attempt's material."""
        self._append({"refused": self.attempts})
        self.refusals += 1

    def _begun(self, attempt: int, kept: int, comparing: Comparing) -> None:
        self.attempts = attempt
        self.comparing = comparing
        self.result = None
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
                elif "dealt" in entry:
                    self.dealt += 1
                elif "values" in entry:
                    self.result = self._kept(entry)
                elif "revealing" in entry:
                    self.revealing = bytes.fromhex(entry["revealing"])
                else:
                    self.refusals = 0
                    counts = np.array(entry["counts"], dtype=np.int64)
                    self.batches.append(Batch(self.attempts, counts, str(entry["digest"])))
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
            raise MaterialError(
                f"{self._path} is not a verification's journal: {error}",
                "Remove it only after the round has ended: what it says was used must not be used again",
            ) from error

    def _kept(self, entry: Mapping[str, Any]) -> KeptResult:
        stated = entry["statement"]
        return KeptResult(
            self.attempts,
            ResultShare(tuple(bytes.fromhex(value) for value in entry["values"])),
            None if stated is None else BaseCounts.model_validate_json(json.dumps(stated)),
            tuple(map(str, entry["digests"])),
        )


def common_batches(own: Sequence[int], other: Sequence[int]) -> int:
    """Count the leading batches that both parties finished in the same attempts: only their shares belong together."""
    pairs = enumerate(zip(own, other, strict=False))
    return next((place for place, (first, second) in pairs if first != second), min(len(own), len(other)))
