# SPDX-License-Identifier: Apache-2.0
"""Follows the channel's blocks into the index, and goes on where it stopped; a peer that is away is waited for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from medquorum.clients.dashboard.index.block import read_block
from medquorum.clients.dashboard.index.store import IndexFile
from medquorum.clients.proof.blocks.chain import check_link
from medquorum.clients.proof.envelope import REMEDY
from medquorum.clients.runtime.logs import get_logger
from medquorum.clients.runtime.session import Session
from medquorum.errors import CheckFailed, MedquorumError
from medquorum.gateway import EventStream, FabricError

__all__ = ["Follower"]

RETRY = 1.0
"""Seconds before a peer that went away is asked again."""


class Follower:
    """Reads blocks in a thread while ``following`` lasts.

    Parameters
    ----------
    changed
        Is called, in that thread, when a block was added and when the peer went away or came back.
    """

    def __init__(self, session: Session, index: IndexFile, changed: Callable[[], None]) -> None:
        self._session = session
        self._index = index
        self._changed = changed
        self._closed = threading.Event()
        self._stream: EventStream[Any] | None = None
        self.trouble = "not asked yet"
        """Why no blocks come in, for people; empty while they do."""

    @contextmanager
    def following(self) -> Iterator[None]:
        """Follow the channel as long as the context lasts."""
        thread = threading.Thread(target=self._run, name="blocks", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._closed.set()
            if self._stream is not None:
                self._stream.close()
            thread.join(5)

    def _run(self) -> None:
        while not self._closed.is_set():
            try:
                self._follow()
            except (MedquorumError, FabricError) as error:
                get_logger().warning("blocks_lost", cause=str(error))
                self._say(str(error))
            except Exception as error:  # a fault of ours: the page says so, and shows what it has
                get_logger().exception("index_failed")
                self._say(f"the index has failed: {type(error).__name__}: {error}")
            self._closed.wait(RETRY)

    def _follow(self) -> None:
        _ = self._session.genesis  # binds the folder, and with it the index, to this channel
        known = self._index.position()
        # The last block is read again: it shows at once that the peer answers, and that its chain is the index'.
        number, previous = max(known.height - 1, 0), None
        with self._session.network.block_events(start_block=number) as self._stream:
            for block in self._stream:
                previous = check_link(block, number, previous)
                if number >= known.height:
                    self._index.add(read_block(block), previous)
                    self._changed()
                elif previous != known.hash:
                    raise CheckFailed(f"block {number} is another one than the index has", REMEDY, check="block")
                self._say("")
                number += 1
                if self._closed.is_set():
                    return
        self._say("the peer has ended its stream of blocks")

    def _say(self, trouble: str) -> None:
        if trouble != self.trouble:
            self.trouble = trouble
            self._changed()
