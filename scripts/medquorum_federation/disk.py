# SPDX-License-Identifier: Apache-2.0
"""What a run will need on disk, told and held against what is free before its first round."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console

from medquorum.errors import ConfigError

__all__ = ["check_disk", "journals", "peer_growth"]

VERIFIERS, ORDERERS = 2, 4
"""Of the quickstart's network; all nodes are on this machine."""
AMPLE = 2
"""A node's logs, indices and databases being rewritten may take as much again."""


def peer_growth(growth: Mapping[str, int], kind: str) -> int:
    """Return the bytes a round adds at one peer, as told by ``create-task``; the devnet's one ledger holds all."""
    return growth["verifier"] if kind == "devnet" else growth["hospital"]


def journals(kind: str) -> int:
    """Return the bytes that a node's journals take once, at most: SQLite's two, of 1,000 pages, on the devnet."""
    return 2 * 4_500_000 if kind == "devnet" else 0


def check_disk(
    growth: Mapping[str, int], kind: str, hospitals: int, rounds: int, place: Path, store: str, console: Console
) -> int:
    """Report how much the ledger will grow; return the bytes of the whole run on this machine.

    Raises
    ------
    ConfigError
        The disk has not that much free.
    """
    nodes = hospitals * growth["hospital"] + VERIFIERS * growth["verifier"] + ORDERERS * growth["orderer"]
    whole = rounds * (growth["verifier"] if kind == "devnet" else nodes)
    free = shutil.disk_usage(place).free
    kept = "public models stay for ever" if store == "public" else "private models can be purged"
    once = f" and up to {_size(journals(kind))} once for journals" if journals(kind) else ""
    console.print(
        f"Ledger: about {_size(peer_growth(growth, kind))} a round at a peer, {_size(whole)} in all on this machine"
        f"{once} ({kept}); {_size(free)} free.",
        highlight=False,
    )
    if free < whole:
        raise ConfigError(
            f"{rounds} rounds need about {_size(whole)} in {place}, {_size(free)} are free",
            "Free some, choose another folder with --dir, fewer rounds or hospitals, or a smaller model",
        )
    if free < AMPLE * whole:
        console.print("[yellow]That may be too little: nodes' logs and indices come on top.[/yellow]")
    return whole


def _size(count: int) -> str:
    for unit, size in (("GB", 1e9), ("MB", 1e6)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count / 1e3:.0f} kB"
