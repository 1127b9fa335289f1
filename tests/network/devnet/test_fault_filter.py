# SPDX-License-Identifier: Apache-2.0
"""Nothing that only the devnet's host may know crosses in an error's text."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from medquorum.network.devnet.fault_filter import FaultFilter
from medquorum.network.devnet.gateway.call_error import CallError, fail

PATH = "/srv/hospital/devnet/state.db"
CALL = "/test.Service/{}"


async def fails(request: bytes, context: Any) -> bytes:
    raise FileNotFoundError(2, "No such file", PATH)


async def breaks_off(request: bytes, context: Any) -> AsyncIterator[bytes]:
    yield b"first"
    raise FileNotFoundError(2, "No such file", PATH)


async def refuses(request: bytes, context: Any) -> bytes:
    await fail(context, CallError(grpc.StatusCode.NOT_FOUND, "no such channel"))


HANDLERS = {
    "Unary": grpc.unary_unary_rpc_method_handler(fails),
    "Stream": grpc.unary_stream_rpc_method_handler(breaks_off),
    "Streams": grpc.stream_stream_rpc_method_handler(breaks_off),
    "Refuses": grpc.unary_unary_rpc_method_handler(refuses),
}


async def answer(name: str) -> tuple[list[bytes], grpc.StatusCode, str]:
    server = grpc.aio.server(interceptors=[FaultFilter()])
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Service", HANDLERS),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    read: list[bytes] = []
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            if name in ("Unary", "Refuses", "None"):
                await channel.unary_unary(CALL.format(name))(b"")
            else:
                streams = channel.stream_stream(CALL.format(name))(iter([b""]))
                single = channel.unary_stream(CALL.format(name))
                async for part in single(b"") if name == "Stream" else streams:
                    read.append(part)
    except grpc.aio.AioRpcError as error:
        return read, error.code(), error.details() or ""
    finally:
        await server.stop(0)
    raise AssertionError("the call did not fail")


@pytest.mark.parametrize("name", ["Unary", "Stream", "Streams"])
def test_a_fault_that_nobody_foresaw_crosses_as_its_type(name: str) -> None:
    read, code, details = asyncio.run(answer(name))
    assert (code, details) == (grpc.StatusCode.INTERNAL, "internal error: FileNotFoundError")
    assert read == ([] if name == "Unary" else [b"first"])


def test_other_errors_stay_as_they_are() -> None:
    assert asyncio.run(answer("Refuses"))[1:] == (grpc.StatusCode.NOT_FOUND, "no such channel")
    assert asyncio.run(answer("None"))[1] == grpc.StatusCode.UNIMPLEMENTED
