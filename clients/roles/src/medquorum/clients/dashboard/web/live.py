# SPDX-License-Identifier: Apache-2.0
"""Server-sent events: each tells that something has changed; the page then asks for itself anew."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from typing import Any

__all__ = ["Live"]

QUIET = 15.0
"""Seconds without a change after which a line is sent all the same: who is gone is noticed so."""
STREAMS = 32
"""Pages that are kept current at a time."""


class Live:
    """Tells every open page of changes; ``changed`` may be called from any thread.

    Parameters
    ----------
    state
        Returns what is told: plain values, of which the page compares ``version``.
    """

    def __init__(self, state: Callable[[], dict[str, Any]]) -> None:
        self._state = state
        self._loop: asyncio.AbstractEventLoop | None = None
        self._news = asyncio.Event()
        self._version = 0
        self._streams = 0

    @property
    def version(self) -> int:
        """The number of changes so far."""
        return self._version

    @property
    def full(self) -> bool:
        """Return whether no further page is kept current."""
        return self._streams >= STREAMS

    def begin(self) -> None:
        """Take the running event loop for the streams."""
        self._loop = asyncio.get_running_loop()

    def changed(self) -> None:
        """Note a change, and wake every stream."""
        self._version += 1
        loop = self._loop
        if loop is not None:
            with suppress(RuntimeError):  # it has ended
                loop.call_soon_threadsafe(self._wake)

    async def events(self) -> AsyncGenerator[bytes, None]:
        """Yield the state at once and after each change."""
        self._streams += 1
        try:
            yield b"retry: 1000\n\n"
            while True:
                news, version = self._news, self._version
                state = await asyncio.to_thread(self._state)
                yield f"id: {version}\ndata: {json.dumps(state | {'version': version})}\n\n".encode()
                while version == self._version:
                    try:
                        await asyncio.wait_for(news.wait(), QUIET)
                    except TimeoutError:
                        yield b": still here\n\n"
                    news = self._news
        finally:
            self._streams -= 1

    def _wake(self) -> None:
        self._news.set()
        self._news = asyncio.Event()
