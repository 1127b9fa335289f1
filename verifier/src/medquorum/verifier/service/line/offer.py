# SPDX-License-Identifier: Apache-2.0
"""The offer of a line, which the answer to a gRPC call carries, and its taking up."""

from __future__ import annotations

import socket
import ssl
from contextlib import ExitStack
from typing import Annotated, ClassVar

from pydantic import Field

from medquorum.core.documents.fields import Hash
from medquorum.core.message import Message
from medquorum.errors import ProtocolError
from medquorum.verifier.service.identity import Credentials
from medquorum.verifier.service.line.contexts import dialling
from medquorum.verifier.service.line.line import Line

__all__ = ["LineOffer", "dial"]


class LineOffer(Message):
    """Where a line is awaited.

    Attributes
    ----------
    port
        At the host of the service that offers it.
    ticket
        Secret, in hexadecimal.
    """

    called: ClassVar[str] = "offer of a line"

    port: Annotated[int, Field(ge=1, le=65535)]
    ticket: Annotated[Hash, Field(repr=False)]


def dial(credentials: Credentials, address: str, peer: str, offer: LineOffer, timeout: float) -> Line:
    """Open the line that the organisation ``peer`` offers, whose service is at ``host:port``.

    Raises
    ------
    ConfigError
        No TLS authority of that organisation is known.
    ProtocolError
        It cannot be reached there, or is somebody else.
    """
    host = address.rpartition(":")[0].strip("[]")
    try:
        context = dialling(credentials, peer)
        with ExitStack() as stack:
            connection = stack.enter_context(socket.create_connection((host, offer.port), timeout))
            secure = stack.enter_context(context.wrap_socket(connection, server_hostname=host))
            secure.sendall(bytes.fromhex(offer.ticket))
            stack.pop_all()
        return Line(secure)
    except ssl.SSLCertVerificationError as error:
        raise ProtocolError(
            f"the line at {host}:{offer.port} does not show a certificate of {peer} for that address",
            "Check the address in the task, and the certificate's names and dates",
        ) from error
    except OSError as error:
        raise ProtocolError(
            f"the line to {peer} at {host}:{offer.port} cannot be opened: {error.strerror or type(error).__name__}",
            f"Let this organisation reach that port; {peer} names a fixed one with --line-port",
        ) from error
