# SPDX-License-Identifier: Apache-2.0
"""The verification sets an organisation has mounted, found by the commitment a task names."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from medquorum.core.dataset import VerificationSet
from medquorum.core.inference import ImageSet
from medquorum.errors import ContractError, DataError

__all__ = ["MountedSet", "VerificationSets"]


class MountedSet(NamedTuple):
    """A verification set for all models that are evaluated on it."""

    images: ImageSet
    labels: npt.NDArray[np.uint8]

    @classmethod
    def of(cls, verification: VerificationSet) -> MountedSet:
        """Take a set in the order of its labels, of several labels as it is.

        No count depends on the order. Images of one class have more pixels in common, and these are multiplied once.
        """
        labels = verification.labels
        order = np.argsort(labels, kind="stable") if labels.ndim == 1 else slice(None)
        return cls(ImageSet(verification.images[order]), labels[order])


class VerificationSets:
    """The ``*.safetensors`` files of a directory; each is read once as long as it does not change.

    Parameters
    ----------
    directory
        None for an organisation that verifies nothing.
    """

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory
        self._lock = threading.Lock()
        self._read: dict[Path, tuple[tuple[int, int], MountedSet, str]] = {}

    def get(self, commitment: str, size: int) -> MountedSet:
        """Return the set with this commitment.

        Raises
        ------
        ContractError
            ``DATASET``: none has it (the text names the files found and their commitments), or its size differs.
        """
        if self._directory is None:
            raise ContractError(
                "DATASET", "this organisation has no verification set", "Set MEDQUORUM_VERIFICATION_DIR"
            )
        files = []
        with self._lock:
            for path in sorted(self._directory.glob("*.safetensors")):
                try:
                    mounted, own = self._load(path)
                except DataError as error:
                    files.append(f"{path.name} is unreadable ({error.cause})")
                    continue
                if own == commitment:
                    return _sized(mounted, path.name, size)
                files.append(f"{path.name} has {own}")
        listed = "; ".join(files) or "the directory holds no *.safetensors file"
        raise ContractError(
            "DATASET",
            f"no verification set has the task's commitment {commitment}: {listed}",
            "Mount the committed file",
        )

    def _load(self, path: Path) -> tuple[MountedSet, str]:
        try:
            status = path.stat()
        except OSError as error:
            raise DataError(
                f"{path.name} cannot be read: {error.strerror}", "Let the chaincode's user read its verification folder"
            ) from error
        version = (status.st_mtime_ns, status.st_size)
        known = self._read.get(path)
        if known is None or known[0] != version:
            verification = VerificationSet.read(path)
            known = (version, MountedSet.of(verification), verification.commitment())
            self._read[path] = known
        return known[1], known[2]


def _sized(mounted: MountedSet, name: str, size: int) -> MountedSet:
    if len(mounted.labels) != size:
        raise ContractError("DATASET", f"{name} has {len(mounted.labels)} images, the task says {size}")
    return mounted
