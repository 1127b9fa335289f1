# SPDX-License-Identifier: Apache-2.0
"""Waiting for blocks and transactions without holding a thread."""

from __future__ import annotations

import asyncio

from medquorum.network.devnet.ledger.ledger import Ledger

__all__ = ["Progress"]


class Progress:
    """Wakes those who wait for the chain; lives in the event loop."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._grown = asyncio.Event()
        self._waiting: dict[str, set[asyncio.Future[tuple[int, int]]]] = {}

    def committed(self, number: int, outcomes: list[tuple[str, int]]) -> None:
        """Take notice of a block: its number, and each transaction's id and validation code."""
        grown, self._grown = self._grown, asyncio.Event()
        grown.set()
        for tx_id, code in outcomes:
            for waiter in self._waiting.pop(tx_id, ()):
                if not waiter.done():
                    waiter.set_result((number, code))

    async def height_above(self, number: int) -> None:
        """Wait until block ``number`` exists."""
        while self._ledger.height <= number:
            await self._grown.wait()

    async def outcome(self, tx_id: str) -> tuple[int, int]:
        """Wait for a transaction's commit; return its block and validation code."""
        waiter: asyncio.Future[tuple[int, int]] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(tx_id, set()).add(waiter)  # before the query, so that no commit falls between
        try:
            transaction = await asyncio.to_thread(self._ledger.transaction, tx_id)
            return (transaction[0], transaction[2]) if transaction else await waiter
        finally:
            waiters = self._waiting.get(tx_id)
            if waiters is not None:
                waiters.discard(waiter)
                if not waiters:
                    del self._waiting[tx_id]
