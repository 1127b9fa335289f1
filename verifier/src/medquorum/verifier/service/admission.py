# SPDX-License-Identifier: Apache-2.0
"""What one organisation may take of a server: so many calls at once, and so long for each message."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import grpc

from medquorum.errors import ProtocolError
from medquorum.verifier.service.boundary import around
from medquorum.verifier.service.frames import read_message

__all__ = ["CALLS", "HEADER_SECONDS", "MESSAGE_SECONDS", "Admission", "receive"]

CALLS = 8
"""Calls of one organisation that a server serves at the same time."""
HEADER_SECONDS = 10.0
"""Seconds from a call's begin within which its header must have come."""
MESSAGE_SECONDS = 600.0
"""Seconds within which a message must have come."""


class Admission(grpc.ServerInterceptor):  # type: ignore[type-arg]  # generic in the stubs only
    """Counts the threads that each organisation's calls hold; one more is answered UNAVAILABLE: come again.

    Parameters
    ----------
    caller
        Returns a call's MSP id, or ends the call.
    """

    def __init__(self, caller: Callable[[grpc.ServicerContext], str]) -> None:
        self._caller = caller
        self._calls: Counter[str] = Counter()
        self._guard = threading.Lock()

    def intercept_service(
        self, continuation: Callable[[Any], grpc.RpcMethodHandler[Any, Any] | None], handler_call_details: Any
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        """Return the handler of a call, within the limit."""
        return around(continuation(handler_call_details), self._admitted)

    @contextmanager
    def _admitted(self, context: grpc.ServicerContext) -> Iterator[None]:
        msp_id = self._caller(context)
        with self._guard:
            admitted = self._calls[msp_id] < CALLS
            self._calls[msp_id] += admitted
        if not admitted:
            context.abort(grpc.StatusCode.UNAVAILABLE, f"{CALLS} calls of {msp_id} are served already")
        try:
            yield
        finally:
            with self._guard:
                self._calls[msp_id] -= 1


def receive(
    requests: Iterator[bytes], context: grpc.ServicerContext, longest: int, seconds: float = MESSAGE_SECONDS
) -> bytes:
    """Take a call's next message; the call is ended when it has not come within so many seconds.

    Raises
    ------
    ProtocolError
        The call has ended before, or the message is longer than ``longest`` bytes or none.
    """
    timer = threading.Timer(seconds, context.cancel)
    timer.daemon = True
    timer.start()
    try:
        return read_message(lambda: next(requests), longest)
    except (StopIteration, grpc.RpcError) as error:
        raise ProtocolError("the call ends before its announced length", "Send it again") from error
    finally:
        timer.cancel()
