# SPDX-License-Identifier: Apache-2.0
"""A party's end of the dealer's line: a thread reads ahead, as far as there is credit."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as Late
from contextlib import suppress
from time import perf_counter
from typing import cast

import grpc

from medquorum.errors import MedquorumError, ProtocolError
from medquorum.verifier.randomness.channel import CREDIT, Channel
from medquorum.verifier.randomness.identifier import MaterialId
from medquorum.verifier.randomness.parts import GateMessage
from medquorum.verifier.randomness.stream import SEED_BYTES
from medquorum.verifier.service.connection import Incoming, failure, reach
from medquorum.verifier.service.dealing.gate_frames import decode_gate
from medquorum.verifier.service.dealing.request import DealRequest
from medquorum.verifier.service.dealing.server import PROBE, SERVICE
from medquorum.verifier.service.identity import Credentials
from medquorum.verifier.service.line.line import Line
from medquorum.verifier.service.line.offer import LineOffer, dial

__all__ = ["Material", "measure_dealer"]

_MATERIAL_TIMEOUT = 600.0
_SILENCE = 3600.0
"""Seconds for which nothing may come while nobody waits for it: the other party may be slow to take its own."""
_SAME = "Run the same version at parties and dealer"
_LEAST = 1e-6


class Material:
    """The material of one attempt; made by :meth:`take`.

    Attributes
    ----------
    seed
        32 secret bytes shared with the dealer.
    mask_seed
        As many, of the mask of the update's parameters: the same in all attempts. Empty where no update is looked at.
    """

    def __init__(
        self,
        channel: grpc.Channel,
        request: DealRequest,
        dialled: Callable[[LineOffer], Line],
        where: tuple[str, str],
        timeout: float,
    ) -> None:
        self._request = request
        self._where = where
        self._line: Line | None = None
        self._failure: MedquorumError | None = None
        self._channel = Channel(CREDIT)
        self._connection = channel
        call = cast(Incoming, channel.unary_stream(f"/{SERVICE}/Deal", bytes, bytes)(request.encode()))
        first: Future[bytes] = Future()
        threading.Thread(target=self._read, args=(call, dialled, first), name="material", daemon=True).start()
        try:
            seeds = first.result(timeout)
        except Late:
            call.cancel()
            raise ProtocolError(f"{where[1]} sent no seed within {timeout:.0f} s", "Look at its log") from None
        self.seed, self.mask_seed = seeds[:SEED_BYTES], seeds[SEED_BYTES:]

    @classmethod
    def take(
        cls, credentials: Credentials, address: str, dealer: str, request: DealRequest, timeout: float = 150.0
    ) -> Material:
        """Ask the organisation ``dealer`` at ``host:port``; waits until the other party has asked for the same.

        Raises
        ------
        MaterialError
            The dealer refuses: the attempt was dealt before, or it is not the task's plan or not this party's.
        ProtocolError
            The dealer refuses, is not there within ``timeout`` seconds, or is somebody else.
        """

        def asked(channel: grpc.Channel, left: float) -> Material:
            def dialled(offer: LineOffer) -> Line:
                return dial(credentials, address, dealer, offer, left)

            return cls(channel, request, dialled, (address, dealer), left)

        return reach(credentials, address, dealer, timeout, asked)

    def receive(self) -> tuple[MaterialId, GateMessage]:
        """Take the next gate's message.

        Raises
        ------
        ProtocolError
            The dealer has stopped, with its reason where it gave one, or is silent.
        """
        try:
            return self._channel.receive(_MATERIAL_TIMEOUT)
        except ProtocolError as error:
            raise self._failure or error from None

    def close(self) -> None:
        """Take no more."""
        self._channel.close()
        self._connection.close()
        if self._line is not None:
            self._line.hang_up()

    def _read(self, call: Iterator[bytes], dialled: Callable[[LineOffer], Line], first: Future[bytes]) -> None:
        try:
            seeds, offer = _answer(next(call, b""), (1 + self._request.plan.has_update) * SEED_BYTES)
            self._line = dialled(offer)
            first.set_result(seeds)
            with suppress(OSError):  # the line's end, of which the call says the reason
                while True:
                    self._channel.send(*decode_gate(self._request.name, self._line.read(_SILENCE)))
            for _ in call:
                raise ProtocolError("the dealer goes on after its line's end", _SAME)
        except grpc.RpcError as error:
            self._failure = failure(error, *self._where)
            if not first.done():
                first.set_exception(error)
        except MedquorumError as error:
            self._failure = error
            if not first.done():
                first.set_exception(error)
        finally:
            self._channel.close()
            if self._line is not None:
                self._line.finish(0)


def _answer(raw: bytes, length: int) -> tuple[bytes, LineOffer]:
    """Return the seeds, of so many bytes, and the line's offer."""
    if len(raw) < length:
        raise ProtocolError("the dealer sent no seed", _SAME)
    return raw[:length], LineOffer.decode(raw[length:])


def measure_dealer(credentials: Credentials, address: str, dealer: str, timeout: float = 150.0) -> float:
    """Measure the bytes a second that come from the organisation ``dealer`` at ``host:port``.

    Raises
    ------
    ProtocolError
        It is not there within ``timeout`` seconds, or is somebody else.
    """

    def measured(channel: grpc.Channel, left: float) -> float:
        call = channel.unary_unary(f"/{SERVICE}/Probe", bytes, bytes)
        seconds = []
        for request in (b"", b"", b"1", b"1"):  # the connection's making does not count
            started = perf_counter()
            call(request, timeout=left)
            seconds.append(perf_counter() - started)
        channel.close()
        return PROBE / max(_LEAST, min(seconds[2:]) - seconds[1])

    return reach(credentials, address, dealer, timeout, measured)
