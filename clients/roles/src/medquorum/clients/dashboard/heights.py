# SPDX-License-Identifier: Apache-2.0
"""How far each organisation's peer is, asked through the own peer's gateway; never while a page waits."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from fabric_protos.common.ledger_pb2 import BlockchainInfo
from google.protobuf.message import DecodeError

from medquorum.gateway import FabricError, Network

__all__ = ["Heights"]

FRESH = 5.0
"""Seconds for which an answer is not asked for again."""
TIMEOUT = 3.0
"""Seconds a peer has to answer."""
AT_ONCE = 8


class Heights:
    """The number of blocks each organisation's peer has; ``changed`` is called when an answer is another one."""

    def __init__(self, network: Network, changed: Callable[[], None]) -> None:
        self._network = network
        self._changed = changed
        self._asking = threading.Lock()
        self._asked = float("-inf")
        self._known: dict[str, int | None] = {}

    def known(self, organisations: Sequence[str]) -> dict[str, int | None]:
        """Return what is known of the organisations' peers, and ask anew in the background where that is old.

        None stands for a peer that does not answer, or an organisation without one; who was not asked yet is left out.
        """
        known = dict(self._known)  # before the thread begins: on a busy machine it may be done first
        if time.monotonic() - self._asked > FRESH and self._asking.acquire(blocking=False):
            threading.Thread(target=self._ask, args=(list(organisations),), name="heights", daemon=True).start()
        return known

    def _ask(self, organisations: list[str]) -> None:
        try:
            with ThreadPoolExecutor(AT_ONCE) as pool:
                known = dict(zip(organisations, pool.map(self._height, organisations), strict=True))
        finally:
            self._asked = time.monotonic()
            self._asking.release()
        if known != self._known:
            self._known = known
            self._changed()

    def _height(self, organisation: str) -> int | None:
        ledger = self._network.get_contract("qscc")
        try:
            answer = ledger.evaluate(
                "GetChainInfo",
                arguments=[self._network.channel],
                endorsing_organizations=[organisation],
                timeout=TIMEOUT,
            )
            return int(BlockchainInfo.FromString(answer).height)
        except (FabricError, DecodeError):
            return None
