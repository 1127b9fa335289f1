# SPDX-License-Identifier: Apache-2.0
"""A verification set's file that is not the committed one, for tests."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from medquorum.core.dataset import VerificationSet

__all__ = ["WAYS", "spoil"]

WAYS = ("another label", "fewer images", "corrupt", "missing")


def spoil(path: Path, how: str) -> None:
    """Put another set, or what is none, in the place of a file, or take the file away."""
    committed = VerificationSet.read(path)
    match how:
        case "another label":
            labels = committed.labels.copy()
            labels[0] = (labels[0] + 1) % committed.classes
            replace(committed, labels=labels).write(path)
        case "fewer images":
            replace(committed, images=committed.images[1:], labels=committed.labels[1:]).write(path)
        case "corrupt":
            path.write_bytes(path.read_bytes()[:100])
        case "missing":
            path.unlink()
