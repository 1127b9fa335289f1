# SPDX-License-Identifier: Apache-2.0
"""A party's part in an aggregation: its sum of the accepted updates' shares, shared once more among the nodes.

1. The accepted set is written down, then both parties say which nodes they reach; those both reach are chosen.
2. Each sends every chosen node its re-share, and the sum of the masked parameters or a hash of it.
3. Where the round does not end, a node is missing: the same sums are shared among those that are there.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import Field

from medquorum.clients.encrypted.aggregation.membership import active_nodes, task_nodes
from medquorum.clients.encrypted.aggregation.node import Send
from medquorum.clients.encrypted.aggregation.record import context_of, fix_set, opening_parties
from medquorum.clients.encrypted.aggregation.result import masked_hash
from medquorum.clients.encrypted.verification.round_folders import round_folder
from medquorum.clients.encrypted.verification.summands import Summands
from medquorum.clients.ledger.ledger import Ledger
from medquorum.clients.ledger.round_status import RoundStatus
from medquorum.clients.runtime.report import Report
from medquorum.core.documents.aggregation.aggregate import final
from medquorum.core.documents.encrypted import MAX_NODES
from medquorum.core.documents.fields import Hash, MspId
from medquorum.core.documents.round import Round
from medquorum.core.documents.task import Task
from medquorum.core.files import write_durably
from medquorum.core.message import Message
from medquorum.core.private_files import make_private_folder
from medquorum.errors import ProtocolError
from medquorum.verifier.binding.resharing import reshares
from medquorum.verifier.opening.transport import Transport
from medquorum.verifier.randomness.stream import new_seed
from medquorum.verifier.service.deliveries import Delivery

__all__ = ["Resharer"]

SILENT_NODE_TIMEOUT = 15.0
"""Seconds after which the parties look for nodes that are gone."""


class _Reached(Message):
    """The accepted set that a party means, and the nodes that it reaches."""

    called: ClassVar[str] = "word on the nodes"

    set: Hash
    nodes: Annotated[tuple[MspId, ...], Field(max_length=MAX_NODES)]


class Resharer:
    """Shares one party's sums of one task.

    Parameters
    ----------
    send
        Delivers to a node, the own one included.
    """

    def __init__(
        self, ledger: Ledger, task: Task, index: int, summands: Summands, send: Send, folder: Path, report: Report
    ) -> None:
        self._ledger = ledger
        self._task = task
        self._index = index
        self._summands = summands
        self._send = send
        self._folder = folder
        self._report = report
        self._done: tuple[int, tuple[str, ...]] = (0, ())
        self._since = 0.0

    def due(self, status: RoundStatus) -> bool:
        """Return whether the nodes are still to be given their re-shares, or some node seems to be gone."""
        round_ = status.round
        if round_ is None or round_.state != "aggregating":
            return False
        if final(self._ledger.task(self._task.task), list(status.aggregates.values())) is not None:
            return False  # only the agreed model is left to store, which needs nobody
        if self._done[0] != round_.round:
            return True
        silent = {*self._done[1]} - status.aggregates.keys()
        return status.masks is not None and bool(silent) and time.monotonic() - self._since > SILENT_NODE_TIMEOUT

    def share(self, transport: Transport, status: RoundStatus) -> None:
        """Return the nodes that both parties reach their re-shares of the accepted updates' sum.

        Raises
        ------
        ProtocolError
            The other party means another set, too few nodes are there, or one refuses.
        MaterialError
            The sum of another set of this round may have been opened.
        """
        round_ = status.round
        if round_ is None:
            raise ProtocolError("there is no round to aggregate in")
        fix_set(self._folder / "sums", round_)
        chosen = self._chosen(transport, round_)
        if self._done != (round_.round, chosen):
            with self._report.phase("resharing", round=round_.round, nodes=list(chosen)):
                self._give(status, round_, chosen)
        self._done, self._since = (round_.round, chosen), time.monotonic()

    def _chosen(self, transport: Transport, round_: Round) -> tuple[str, ...]:
        """Agree with the other party on the set, and on the nodes that are there."""
        whole = context_of(round_, task_nodes(self._ledger, self._task.task))
        own = _Reached(set=whole.set, nodes=tuple(self._reached(round_)))
        other = _Reached.decode(transport.exchange(own.encode()))
        if other.set != own.set:
            raise ProtocolError("the parties mean different accepted sets", "Compare both peers' ledger heights")
        chosen = tuple(sorted({*own.nodes} & {*other.nodes}))
        if 2 * len(chosen) <= len(whole.nodes):
            missing = ", ".join(sorted({*whole.nodes} - {*chosen}))
            raise ProtocolError(f"too few aggregation nodes are there: {missing} cannot be reached", "Start them")
        return chosen

    def _reached(self, round_: Round) -> list[str]:
        """Return the nodes that answer; one that was expelled cannot attest, whether it answers or not."""
        known = active_nodes(self._ledger, self._task.task)

        def there(node: str) -> bool:
            try:
                self._send(node, self._header("ready", round_, known), [])
            except ProtocolError:
                return False
            return True

        with ThreadPoolExecutor(len(known)) as pool:
            return [node for node, reachable in zip(known, pool.map(there, known), strict=True) if reachable]

    def _give(self, status: RoundStatus, round_: Round, chosen: Sequence[str]) -> None:
        weights = round_.summands
        header = self._header("reshare", round_, chosen)
        masked = b""
        if self._ledger.msp in opening_parties(self._task):
            masked = self._summands.masked(status, weights).astype("<i8", copy=False).tobytes()
            header = header.model_copy(update={"masked": masked_hash(masked)})
        total = self._summands.shares(status, weights)
        given = reshares(context_of(round_, chosen), self._ledger.msp, self._secret(round_), total)
        knowing = opening_parties(self._task)

        def give(node: str) -> None:
            # Who opened the masked parameters has them; the other nodes get them from P0, and from P1 a hash.
            whole = bool(masked) and (node == self._ledger.msp or (self._index == 0 and node not in knowing))
            self._send(node, header, [given[node], masked] if whole else [given[node]])

        with ThreadPoolExecutor(len(chosen)) as pool:
            list(pool.map(give, chosen))

    def _secret(self, round_: Round) -> bytes:
        """Return what the round's re-shares follow from, the same after a restart."""
        place = round_folder(self._folder, round_.round) / "reshare.secret"
        if not place.exists():
            make_private_folder(place.parent)
            write_durably(place, new_seed())
        return place.read_bytes()

    def _header(self, kind: str, round_: Round, chosen: Sequence[str]) -> Delivery:
        return Delivery.model_validate(
            {
                "kind": kind,
                "task": round_.task,
                "round": round_.round,
                "set": context_of(round_, chosen).set,
                "nodes": tuple(sorted(chosen)),
            }
        )
