# SPDX-License-Identifier: Apache-2.0
"""The edge of a server's services: every error ends its call, and tells the other organisation nothing local."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, TypeAlias

import grpc
import structlog

from medquorum.errors import MedquorumError, origin
from medquorum.verifier.service.refusal import refuse

__all__ = ["Boundary", "around"]

log = structlog.get_logger(__name__)
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"  # generic in the stubs only


class Boundary(grpc.ServerInterceptor):  # type: ignore[type-arg]  # generic in the stubs only
    """Ends a call whose service raises: with the error, where it was written for the other side, else its type."""

    def intercept_service(
        self, continuation: Callable[[Any], Handler | None], handler_call_details: Any
    ) -> Handler | None:
        """Return the handler of a call, guarded."""
        method = handler_call_details.method
        return around(continuation(handler_call_details), lambda context: _guarded(method, context))


def around(handler: Any, enter: Callable[[grpc.ServicerContext], AbstractContextManager[None]]) -> Handler | None:
    """Return a handler that does its work inside what ``enter`` gives for the call; None for none."""
    if handler is None:
        return None
    kind = "_".join(
        "stream" if streaming else "unary" for streaming in (handler.request_streaming, handler.response_streaming)
    )
    serve = getattr(handler, kind)

    def single(request: Any, context: grpc.ServicerContext) -> Any:
        with enter(context):
            return serve(request, context)

    def streaming(request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        with enter(context):
            yield from serve(request, context)

    made: Callable[..., Handler] = getattr(grpc, f"{kind}_rpc_method_handler")
    return made(
        streaming if handler.response_streaming else single, handler.request_deserializer, handler.response_serializer
    )


@contextmanager
def _guarded(method: str, context: grpc.ServicerContext) -> Iterator[None]:
    try:
        yield
    except MedquorumError as error:
        log.warning("call refused", method=method, peer=context.peer(), error=type(error).__name__, cause=str(error))
        refuse(context, error)
    except Exception as fault:
        if context.code() is not None:  # type: ignore[attr-defined]  # the call was ended on purpose: abort raises
            raise
        name = type(fault).__name__
        log.error("a service failed", method=method, peer=context.peer(), error=name, where=origin(fault))
        refuse(context, fault)
