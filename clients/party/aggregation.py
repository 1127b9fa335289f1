# SPDX-License-Identifier: Apache-2.0
"""The sum of the accepted updates, opened once for one set, and the next model in integers ([SMV] Algorithm 2)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from chaincode import canonical, modelformat
from chaincode.aggregate import next_model
from chaincode.contract.roundstate import Round
from chaincode.contract.task import Task
from chaincode.fixedpoint import IntArray
from chaincode.modelformat import Tensors
from clients.gateway.files import write_durably
from medquorum import MaterialError, ProtocolError
from verifier.transport import Transport

__all__ = ["fix_set", "next_packed", "opened_sum"]


def fix_set(folder: Path, current: Round) -> None:
    """Write down the set whose sum is about to be opened, before anything of it leaves this party.

    One file a round, kept for ever: what else a party has of a round goes when it has ended.

    Raises
    ------
    MaterialError
        The sum of another set of this round was opened: the difference of the two would be somebody's update.
    """
    wanted = canonical.encode(
        {"base": current.base, "accepted": [[h, current.commitments[h]] for h in current.accepted]}
    )
    place = folder / f"{current.round:06d}.json"
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_durably(place, wanted)
    elif place.read_bytes() != wanted:
        raise MaterialError(
            f"the sum of {len(json.loads(place.read_bytes())['accepted'])} other updates of round {current.round} "
            "may have been opened before",
            "Abort the round: opening a second sum would reveal an update",
        )


def opened_sum(line: Transport, current: Round, shares: Iterable[IntArray], parameters: int) -> IntArray:
    """Add the own shares (parameters,) and open the sum of all accepted updates.

    Raises
    ------
    ProtocolError
        The other party means another set, or sends something else.
    """
    own: IntArray = np.zeros(parameters, dtype=np.int64)
    for share in shares:
        own += share
    about = canonical.encode({"base": current.base, "accepted": current.accepted, "round": current.round})
    if line.exchange(about) != about:
        raise ProtocolError("the parties mean different accepted sets", "Compare both peers' ledger heights")
    raw = line.exchange(own.astype("<i8").tobytes())
    if len(raw) != own.nbytes:
        raise ProtocolError(f"the other party's sum has {len(raw)} bytes, not {own.nbytes}", "Install the same release")
    own += np.frombuffer(raw, dtype="<i8")
    return own


def next_packed(task: Task, base: Tensors, total: IntArray, count: int) -> bytes:
    """Give the packed next model from the sum (parameters,) of ``count`` updates."""
    description = modelformat.parse(task.model)
    sums: dict[str, IntArray] = {}
    start = 0
    for spec in modelformat.layout(description):
        sums[spec.name] = total[start : start + spec.size].reshape(spec.shape)
        start += spec.size
    model = next_model(
        description, base, sums, count, lambda_numerator=task.lambda_numerator, lambda_bits=task.lambda_bits
    )
    return modelformat.pack(description, model)
