# SPDX-License-Identifier: Apache-2.0
"""The chain as one peer gives it: read block by block, held from block 0 on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from medquorum.clients.proof.blocks.ordering import last_configuration
from medquorum.clients.proof.blocks.walk import Tip, Trust, begin, follow, skip
from medquorum.errors import CheckFailed
from medquorum.gateway import CommitStatusError
from medquorum.gateway.network import Network

__all__ = ["Chain"]

COMMIT_TIMEOUT = 10.0
"""Seconds a peer has to say in which block a transaction is."""
SILENCE = 60.0
"""Seconds in which a peer must have delivered the blocks of one request."""
WINDOW = 500
"""Blocks of one request: a long chain takes as many minutes as it needs, one request does not."""


class Chain:
    """Blocks of a channel through one peer; nothing is kept but its configurations."""

    def __init__(self, network: Network, trust: Trust) -> None:
        self._network = network
        self.trust = trust
        self._known: dict[int, Tip] = {}
        """Where walks may begin: the configuration blocks that were checked."""

    @property
    def genesis(self) -> bytes:
        """The hash of block 0."""
        return self._start(0).hash

    def walk(self, first: int, last: int) -> Iterator[Tip]:
        """Yield each block from the first to the last, both included, checked.

        What lies before the first one is held by its configuration blocks alone, each signed by the orderers of the
        one before: two blocks for each change of the configuration, whatever the chain's height.

        Raises
        ------
        CheckFailed
            A block is not right, or not there.
        """
        tip = self._start(max(first - 1, 0))
        if first == 0:
            yield tip
        for block in self._blocks(tip.number + 1, last):
            tip = follow(block, tip, self.trust)
            yield tip

    def block_of(self, transaction: str) -> int:
        """Ask in which block a transaction is.

        Raises
        ------
        CheckFailed
            The peer does not know.
        """
        try:
            return int(self._network.new_commit(transaction).status(COMMIT_TIMEOUT).block_number)
        except CommitStatusError as error:
            raise CheckFailed(
                f"the own peer knows no block of transaction {transaction}: {error.cause}",
                "Do not use it: tell the consortium, and compare with another organisation's peer",
                check="block",
            ) from error

    def _start(self, number: int) -> Tip:
        """Return the walk at a block, from the last configuration block known before it, at first block 0."""
        if not self._known:
            self._known[0] = begin(self._block(0), self.trust)
        ahead: list[int] = []
        at = number
        while at not in self._known:
            ahead.append(at)
            named = last_configuration(self._block(at))
            at = named if named < at else at - 1
        tip = self._known[at]
        for at in reversed(ahead):
            tip = skip(self._block(at), tip, self.trust)
            if tip.configuration.block == at:
                self._known[at] = tip
        return tip

    def _block(self, number: int) -> Any:
        (block,) = self._blocks(number, number)
        if block.header.number != number:
            raise CheckFailed(
                f"the own peer gave block {block.header.number} for block {number}",
                "Do not use it: tell the consortium, and ask another organisation's peer",
                check="block",
            )
        return block

    def _blocks(self, first: int, last: int) -> Iterator[Any]:
        for start in range(first, last + 1, WINDOW):
            left = min(WINDOW, last + 1 - start)
            with self._network.block_events(start_block=start, timeout=SILENCE) as blocks:
                for block in blocks:
                    yield block
                    left -= 1
                    if not left:
                        break
            if left:
                raise CheckFailed(
                    f"the own peer gave no block {last + 1 - left}",
                    "Try again, or ask another organisation's peer",
                    check="block",
                )
