# SPDX-License-Identifier: Apache-2.0
"""The sets of updates whose sums are opened: fixed by the ledger, written down before anything is sent."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from medquorum.core import canonical
from medquorum.core.documents.aggregation.opened import OpenedSum, revealing
from medquorum.core.documents.round import Round
from medquorum.core.documents.task import Task
from medquorum.core.files import write_durably
from medquorum.core.private_files import make_private_folder
from medquorum.errors import MaterialError
from medquorum.verifier.binding.resharing import AggregationContext

__all__ = ["context_of", "fix_set", "note_opening", "opening_parties"]


def fix_set(folder: Path, round_: Round) -> None:
    """Write down the set whose sum is about to be opened, and its weights, before anything of it leaves this process.

    One file a round, kept for ever: what else is kept of a round goes when it has ended.

    Raises
    ------
    MaterialError
        The sum of another set of this round was opened: the difference of the two would be somebody's update.
    """
    wanted = canonical.encode({"base": round_.base, "accepted": [list(update) for update in _updates(round_)]})
    place = folder / f"{round_.round:06d}.json"
    if not place.exists():
        make_private_folder(place.parent)
        write_durably(place, wanted)
    elif place.read_bytes() != wanted:
        raise MaterialError(
            f"the sum of {len(json.loads(place.read_bytes())['accepted'])} other updates of round {round_.round} "
            "may have been opened before",
            "Abort the round: opening a second sum would reveal an update",
        )


def note_opening(folder: Path, round_: Round, minimum: int) -> None:
    """Write down that a round's sum is being opened, before this node's part of it leaves; kept for ever.

    The ledger holds the same rule; a node does not open a sum that tells about few hospitals on the ledger's word.

    Raises
    ------
    MaterialError
        The sum of a set too much like this one was opened on the same base.
    """
    place = folder / f"{round_.round:06d}.json"
    if place.exists():
        return
    opened = (OpenedSum.decode(path.read_bytes()) for path in sorted(folder.glob("*.json")))
    beside = revealing(round_.summands, minimum, [earlier for earlier in opened if earlier.base == round_.base])
    if beside is not None:
        raise MaterialError(
            f"the sum of {len(beside.weights)} other updates on the base of round {round_.round} was opened in round "
            f"{beside.round}",
            "Abort the round: the difference of the two sums would tell about few hospitals",
        )
    opening = OpenedSum(
        base=round_.base, round=round_.round, task=round_.task, weights=round_.summands, minimum=minimum
    )
    make_private_folder(folder)
    write_durably(place, opening.encode())


def opening_parties(task: Task) -> list[str]:
    """Return the parties that opened the accepted updates' masked parameters: P0 alone where hospitals were P1."""
    if task.encrypted is None:
        return []
    return task.encrypted.parties[:1] if task.encrypted.semi_honest else task.encrypted.parties


def context_of(round_: Round, nodes: Sequence[str]) -> AggregationContext:
    """Return what re-shares of a round belong to, among these nodes."""
    return AggregationContext(round_.task, round_.round, round_.base, _updates(round_), sorted(nodes))


def _updates(round_: Round) -> list[tuple[str, str, int]]:
    """Return hospital, commitment and weight of each accepted update."""
    return [(hospital, round_.commitments[hospital], weight) for hospital, weight in round_.summands.items()]
