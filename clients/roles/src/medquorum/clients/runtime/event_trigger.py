# SPDX-License-Identifier: Apache-2.0
"""Wake-ups from the chaincode's events, as long as the peer delivers them; the poll of the loop covers the rest."""

from __future__ import annotations

import threading
from collections.abc import Collection
from pathlib import Path
from types import TracebackType
from typing import Self

from tenacity import Retrying, retry_if_exception_type, wait_random_exponential
from tenacity.nap import sleep_using_event
from tenacity.stop import stop_when_event_set

from medquorum.clients.runtime.logs import get_logger
from medquorum.clients.runtime.reconcile import LoopControl
from medquorum.gateway import ChaincodeEvent, EventStream, FileCheckpointer, GatewayError, Network

__all__ = ["EventTrigger"]


class EventTrigger:
    """Calls ``control`` on a chaincode's events, in a thread, while the context lasts.

    Parameters
    ----------
    names
        The events a role's next action depends on: with tens of clients, a look at the ledger on every event costs the
        peers more than the round itself. May be set anew; who does so looks at the ledger afterwards.
    checkpoint
        The file that holds where to go on after a restart; written by ``handled``, after the action.
    """

    def __init__(
        self, network: Network, chaincode: str, control: LoopControl, names: Collection[str], checkpoint: Path
    ) -> None:
        self._network = network
        self._chaincode = chaincode
        self._control = control
        self.names = names
        self._checkpoint = FileCheckpointer(checkpoint)
        self._closed = threading.Event()
        self._stream: EventStream[ChaincodeEvent] | None = None
        self._thread = threading.Thread(target=self._run, name="events", daemon=True)
        self.seen: ChaincodeEvent | None = None

    def handled(self, event: ChaincodeEvent | None) -> None:
        """Store that the action after ``event`` is done."""
        if event is not None and event.block_number != self._checkpoint.block_number:
            self._checkpoint.checkpoint_chaincode_event(event)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._closed.set()
        if self._stream is not None:
            self._stream.close()
        self._thread.join(5)

    def _run(self) -> None:
        log = get_logger()
        retrying = Retrying(
            retry=retry_if_exception_type(GatewayError),
            wait=wait_random_exponential(multiplier=0.5, max=10),
            sleep=sleep_using_event(self._closed),
            stop=stop_when_event_set(self._closed),
            before_sleep=lambda state: log.warning("events_lost", attempt=state.attempt_number),
        )
        while not self._closed.is_set():
            retrying(self._listen)

    def _listen(self) -> None:
        start = None if self.seen is None else self.seen.block_number
        with self._network.chaincode_events(
            self._chaincode, start_block=start, checkpoint=None if start is not None else self._checkpoint
        ) as self._stream:
            self._control.wake()  # what happened before the stream was open is looked up
            for event in self._stream:
                self.seen = event
                if event.name in self.names:
                    self._control.wake(event.name)
                if self._closed.is_set():
                    return
