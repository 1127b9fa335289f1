# SPDX-License-Identifier: Apache-2.0
"""Keeps what only the devnet's operator may read out of its answers: gRPC would send an exception's text across."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import grpc
import structlog

from medquorum.errors import origin
from medquorum.network.devnet.gateway.call_error import CallError

__all__ = ["FaultFilter"]

Context = grpc.aio.ServicerContext[Any, Any]
Continuation = Callable[[grpc.HandlerCallDetails], Awaitable[Any]]

log = structlog.get_logger(__name__)


class FaultFilter(grpc.aio.ServerInterceptor):  # type: ignore[type-arg]  # generic in the stubs alone
    """Ends a call whose fault nobody foresaw with the exception's type alone; where it came from is logged."""

    async def intercept_service(self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails) -> Any:
        """Return the method's handler (``grpc.RpcMethodHandler``), wrapped; None where there is no such method."""
        handler = await continuation(handler_call_details)
        if handler is None:
            return None
        coders = handler.request_deserializer, handler.response_serializer
        if handler.unary_unary:
            return grpc.unary_unary_rpc_method_handler(_answer(handler.unary_unary), *coders)
        if handler.unary_stream:
            return grpc.unary_stream_rpc_method_handler(_stream(handler.unary_stream), *coders)
        return grpc.stream_stream_rpc_method_handler(_stream(handler.stream_stream), *coders)


def _answer(call: Callable[[Any, Context], Awaitable[Any]]) -> Any:
    async def filtered(request: Any, context: Context) -> Any:
        try:
            with _faults():
                return await call(request, context)
        except CallError as error:
            await context.abort(error.code, error.message)

    return filtered


def _stream(call: Callable[[Any, Context], AsyncIterator[Any]]) -> Any:
    async def filtered(request: Any, context: Context) -> AsyncIterator[Any]:
        try:
            with _faults():
                async for response in call(request, context):
                    yield response
        except CallError as error:
            await context.abort(error.code, error.message)

    return filtered


@contextmanager
def _faults() -> Iterator[None]:
    try:
        yield
    except (grpc.aio.AbortError, GeneratorExit):
        raise
    except Exception as error:
        log.error("a call failed", error=type(error).__name__, where=origin(error))
        raise CallError(grpc.StatusCode.INTERNAL, f"internal error: {type(error).__name__}") from error
