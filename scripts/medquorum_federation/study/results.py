# SPDX-License-Identifier: Apache-2.0
"""The files of a study's results: one for each cell and seed, written once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .cell import Cell

__all__ = ["Results"]


class Results:
    """A folder of results; a cell found there is not computed again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def place(self, cell: Cell) -> Path:
        """Return the file of a cell's result."""
        return self._folder / f"{cell.name}-s{cell.seed}.json"

    def write(self, cell: Cell, result: dict[str, Any]) -> None:
        """Keep a cell's result: whole or not at all."""
        part = self.place(cell).with_suffix(".part")
        part.write_text(json.dumps(result, indent=1) + "\n")
        part.rename(self.place(cell))

    def read(self, cell: Cell) -> dict[str, Any] | None:
        """Return a cell's result, None while there is none."""
        place = self.place(cell)
        return json.loads(place.read_text()) if place.exists() else None
