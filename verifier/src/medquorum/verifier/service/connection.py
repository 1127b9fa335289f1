# SPDX-License-Identifier: Apache-2.0
"""Mutual TLS between organisations: the channel to a service, and what both ends set alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from typing import Protocol, TypeVar

import grpc
import tenacity

from medquorum.errors import MedquorumError, ProtocolError
from medquorum.verifier.service.identity import Credentials
from medquorum.verifier.service.refusal import refusal

__all__ = ["OPTIONS", "Incoming", "connect", "failure", "reach"]

MESSAGE_BYTES = 4 << 20
OPTIONS: list[tuple[str, int]] = [
    ("grpc.max_receive_message_length", MESSAGE_BYTES),
    ("grpc.max_send_message_length", MESSAGE_BYTES),
    ("grpc.keepalive_time_ms", 30_000),  # sees a host that vanished; a killed process is seen at once
    ("grpc.keepalive_timeout_ms", 30_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
]
_CLIENT: list[tuple[str, int]] = [
    *OPTIONS,
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.enable_retries", 0),
]
_NO_PROXY = ("grpc.enable_http_proxy", 0)


class Incoming(Iterator[bytes], Protocol):
    """A call's frames."""

    def cancel(self) -> object:
        """End the call."""
        ...


def connect(credentials: Credentials, address: str, peer: str) -> grpc.Channel:
    """Make a channel to the service of the organisation ``peer`` at ``host:port``; nobody else is spoken to.

    One that joined after the credentials were read is looked for in their folder.

    Raises
    ------
    ConfigError
        No TLS authority of that organisation is known.
    """
    known = credentials if peer in credentials.authorities else credentials.newest()
    secure = grpc.ssl_channel_credentials(known.roots(peer), known.key, known.certificate)
    return grpc.secure_channel(address, secure, _CLIENT + ([_NO_PROXY] if _is_loopback(address) else []))


def _is_loopback(address: str) -> bool:
    """Return whether ``host:port`` is this host's own: a proxy of the environment would look for it on its own host."""
    host = address.rpartition(":")[0].strip("[]")
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


Result = TypeVar("Result")
_RETRY = 0.2
_ANSWER = 2.0
"""Seconds that a call begun near the end of ``timeout`` still has: a busy service answers late."""


def reach(
    credentials: Credentials, address: str, peer: str, timeout: float, call: Callable[[grpc.Channel, float], Result]
) -> Result:
    """Make a call to the service of ``peer``, again until the service is there.

    Parameters
    ----------
    address
        ``host:port``.
    peer
        Its MSP id.
    timeout
        Seconds within which it must be there.
    call
        Gets the channel, which it owns when it succeeds, and the seconds it may take.

    Raises
    ------
    ProtocolError
        The service's refusal, or it was not there in time, or is somebody else's.
    """
    channel = connect(credentials, address, peer)
    end = time.monotonic() + timeout
    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception(_is_absent),
        wait=tenacity.wait_fixed(_RETRY),
        stop=tenacity.stop_after_delay(timeout),
        reraise=True,
    )
    try:
        return retrying(lambda: call(channel, max(_ANSWER, end - time.monotonic())))
    except grpc.RpcError as error:
        channel.close()
        raise failure(error, address, peer) from error
    except MedquorumError:
        channel.close()
        raise


def _is_absent(error: BaseException) -> bool:
    """Return whether a call failed because nobody is there yet: worth another try."""
    return (
        isinstance(error, grpc.RpcError)
        and isinstance(error, grpc.Call)
        and error.code() is grpc.StatusCode.UNAVAILABLE
        and "CERTIFICATE_VERIFY_FAILED" not in (error.details() or "")
    )


def failure(error: grpc.RpcError, address: str, peer: str) -> ProtocolError:
    """Return a failed call's error: the service's own refusal, or why it could not be asked."""
    if not isinstance(error, grpc.Call):
        return ProtocolError(f"the call to {peer} at {address} was ended", "Look at its log")
    details = error.details() or ""
    if "CERTIFICATE_VERIFY_FAILED" in details:
        return ProtocolError(
            f"the service at {address} does not show a certificate of {peer} for that address",
            "Check the address in the task, and the certificate's names and dates",
        )
    refused = refusal(details)
    return refused or ProtocolError(
        f"{peer} at {address} cannot be reached: {error.code().name} {details}",
        "Check that its service runs, and that it knows this organisation's TLS authority",
    )
