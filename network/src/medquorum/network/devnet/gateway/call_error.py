# SPDX-License-Identifier: Apache-2.0
"""A call's failure with each node's reason, sent as ``google.rpc.Status`` in ``grpc-status-details-bin``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage

__all__ = ["CallError", "fail"]

CODE_FIELD, MESSAGE_FIELD, DETAILS_FIELD = 0x08, 0x12, 0x1A


class CallError(Exception):
    """The gRPC status a call ends with; ``details`` are ``gateway.ErrorDetail`` messages."""

    def __init__(self, code: grpc.StatusCode, message: str, details: Sequence[Any] = ()) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = tuple(details)


async def fail(context: grpc.aio.ServicerContext[Any, Any], error: CallError) -> NoReturn:
    """End the call."""
    if error.details:
        status = ("grpc-status-details-bin", _status(error))
        await context.abort(error.code, error.message, (status,))
    await context.abort(error.code, error.message)


def _status(error: CallError) -> bytes:
    """Encode ``google.rpc.Status``: code, message, details (its package is none of this project's dependencies)."""
    encoded = bytes([CODE_FIELD]) + _varint(error.code.value[0])
    message = error.message.encode()
    encoded += bytes([MESSAGE_FIELD]) + _varint(len(message)) + message
    for detail in error.details:
        wrapped = AnyMessage()
        wrapped.Pack(detail)
        packed = wrapped.SerializeToString()
        encoded += bytes([DETAILS_FIELD]) + _varint(len(packed)) + packed
    return encoded


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number >= 0x80:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)
