# SPDX-License-Identifier: Apache-2.0
"""An answer to one demand on a rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Answer"]


@dataclass(frozen=True)
class Answer:
    """A demand, what was found (empty where no cell of it is done), whether it holds, and where it does not."""

    must: str
    found: str = ""
    holds: bool = True
    exceptions: Sequence[str] = ()
