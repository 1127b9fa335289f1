# SPDX-License-Identifier: Apache-2.0
"""The verification sets an organisation has mounted, found by the commitment a task names."""

from __future__ import annotations

import threading
from pathlib import Path

from medquorum.core.dataset import VerificationSet
from medquorum.errors import ContractError, DataError

__all__ = ["VerificationSets"]


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
        self._read: dict[Path, tuple[tuple[int, int], VerificationSet, str]] = {}

    def get(self, commitment: str, size: int) -> VerificationSet:
        """Return the set with this commitment, in the order of its labels.

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
                    verification, own = self._load(path)
                except DataError as error:
                    files.append(f"{path.name} is unreadable ({error.cause})")
                    continue
                if own == commitment:
                    return _sized(verification, path.name, size)
                files.append(f"{path.name} has {own}")
        listed = "; ".join(files) or "the directory holds no *.safetensors file"
        raise ContractError(
            "DATASET",
            f"no verification set has the task's commitment {commitment}: {listed}",
            "Mount the committed file",
        )

    def _load(self, path: Path) -> tuple[VerificationSet, str]:
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
            # No count depends on the order. Images of one class have more pixels in common, which are multiplied once.
            known = (version, verification.by_class(), verification.commitment())
            self._read[path] = known
        return known[1], known[2]


def _sized(verification: VerificationSet, name: str, size: int) -> VerificationSet:
    if len(verification.labels) != size:
        raise ContractError("DATASET", f"{name} has {len(verification.labels)} images, the task says {size}")
    return verification
