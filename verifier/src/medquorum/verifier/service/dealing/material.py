# SPDX-License-Identifier: Apache-2.0
"""A party's end of the dealer's stream: a thread reads ahead, as far as there is credit."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as Late
from time import perf_counter
from typing import cast

import grpc

from medquorum.errors import MedquorumError, ProtocolError
from medquorum.verifier.randomness.channel import CREDIT, Channel
from medquorum.verifier.randomness.identifier import MaterialId
from medquorum.verifier.randomness.stream import SEED_BYTES
from medquorum.verifier.service.connection import Incoming, failure, reach
from medquorum.verifier.service.dealing.gate_frames import decode_gate
from medquorum.verifier.service.dealing.request import DealRequest
from medquorum.verifier.service.dealing.server import PROBE, SERVICE
from medquorum.verifier.service.frames import read_message
from medquorum.verifier.service.identity import Credentials

__all__ = ["Material", "measure_dealer"]

_MATERIAL_TIMEOUT = 600.0
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

    def __init__(self, channel: grpc.Channel, request: DealRequest, address: str, dealer: str, timeout: float) -> None:
        self._request = request
        self._where = address, dealer
        self._failure: MedquorumError | None = None
        self._channel = Channel(CREDIT)
        self._connection = channel
        call = cast(Incoming, channel.unary_stream(f"/{SERVICE}/Deal", bytes, bytes)(request.encode()))
        first: Future[bytes] = Future()
        threading.Thread(target=self._read, args=(call, first), name="material", daemon=True).start()
        try:
            seeds = first.result(timeout)
        except Late:
            call.cancel()
            raise ProtocolError(f"{dealer} sent no seed within {timeout:.0f} s", "Look at its log") from None
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
        return reach(
            credentials, address, dealer, timeout, lambda channel, left: cls(channel, request, address, dealer, left)
        )

    def receive(self) -> tuple[MaterialId, bytes | memoryview]:
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

    def _read(self, frames: Iterator[bytes], first: Future[bytes]) -> None:
        try:
            first.set_result(_seeds(frames, (1 + self._request.plan.has_update) * SEED_BYTES))
            for raw in iter(lambda: _message(frames), None):
                self._channel.send(*decode_gate(self._request.name, raw))
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


def _message(frames: Iterator[bytes]) -> bytes | None:
    """Return the next message, None at the end."""
    try:
        return read_message(lambda: next(frames))
    except StopIteration:
        return None


def _seeds(frames: Iterator[bytes], length: int) -> bytes:
    seeds = _message(frames)
    if seeds is None or len(seeds) != length:
        raise ProtocolError("the dealer sent no seed", "Run the same version at parties and dealer")
    return seeds


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
