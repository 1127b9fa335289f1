# SPDX-License-Identifier: Apache-2.0
"""What a running chaincode asks its peer for, answered from the transaction's simulator."""

from __future__ import annotations

import asyncio
import itertools
import secrets
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Executor
from typing import Any

import structlog
from fabric_protos.ledger.queryresult.kv_query_result_pb2 import KV, KeyModification
from fabric_protos.peer import chaincode_shim_pb2 as shim
from fabric_protos.peer.chaincode_pb2 import ChaincodeSpec
from google.protobuf.message import DecodeError

from medquorum.network.devnet.peer.chaincode_stream import refusal
from medquorum.network.devnet.peer.simulator import Refused, Simulator

__all__ = ["Requests"]

RESULT_BATCH = 100
TOTAL_LIMIT = 100_000

log = structlog.get_logger(__name__)
Message = shim.ChaincodeMessage
Invoke = Callable[[Any], Awaitable[Any]]
"""Runs another chaincode within the same transaction: ``ChaincodeSpec`` in, its final message out."""


class Requests:
    """The requests of one chaincode in one transaction, in its own namespace."""

    def __init__(self, simulator: Simulator, namespace: str, executor: Executor, invoke: Invoke) -> None:
        self._simulator = simulator
        self._namespace = namespace
        self._executor = executor
        self._invoke = invoke
        self._queries: dict[str, Iterator[bytes]] = {}
        self._handlers: dict[int, Callable[[bytes], bytes]] = {
            Message.GET_STATE: self._get,
            Message.GET_STATE_MULTIPLE: self._get_multiple,
            Message.GET_PRIVATE_DATA_HASH: self._get_hash,
            Message.GET_STATE_METADATA: self._get_metadata,
            Message.PUT_STATE: self._put,
            Message.DEL_STATE: self._delete,
            Message.PURGE_PRIVATE_DATA: self._purge,
            Message.PUT_STATE_METADATA: self._put_metadata,
            Message.WRITE_BATCH_STATE: self._write_batch,
            Message.GET_STATE_BY_RANGE: self._range,
            Message.GET_HISTORY_FOR_KEY: self._history,
            Message.GET_QUERY_RESULT: self._rich_query,
            Message.QUERY_STATE_NEXT: self._next,
            Message.QUERY_STATE_CLOSE: self._close,
        }

    async def answer(self, message: Any) -> Any:
        """Answer one request with RESPONSE or ERROR; the database is read outside the event loop."""
        try:
            if message.type == Message.INVOKE_CHAINCODE:
                payload = await self._call(message.payload)
            else:
                handler = self._handlers.get(message.type)
                if handler is None:
                    raise Refused("unknown request")
                payload = await asyncio.get_running_loop().run_in_executor(self._executor, handler, message.payload)
        except (Refused, DecodeError) as error:
            return refusal(message, str(error))
        return Message(type=Message.RESPONSE, payload=payload, txid=message.txid, channel_id=message.channel_id)

    async def _call(self, payload: bytes) -> bytes:
        return bytes((await self._invoke(ChaincodeSpec.FromString(payload))).SerializeToString())

    def _get(self, payload: bytes) -> bytes:
        request = shim.GetState.FromString(payload)
        return self._simulator.get(self._namespace, request.collection, request.key)

    def _get_multiple(self, payload: bytes) -> bytes:
        request = shim.GetStateMultiple.FromString(payload)
        values = [self._simulator.get(self._namespace, request.collection, key) for key in request.keys]
        return bytes(shim.GetStateMultipleResult(values=values).SerializeToString())

    def _get_hash(self, payload: bytes) -> bytes:
        request = shim.GetState.FromString(payload)
        return self._simulator.get_hash(self._namespace, request.collection, request.key)

    def _get_metadata(self, payload: bytes) -> bytes:
        request = shim.GetStateMetadata.FromString(payload)
        metadata = self._simulator.get_metadata(self._namespace, request.collection, request.key)
        entries = [shim.StateMetadata(metakey=entry.name, value=entry.value) for entry in metadata.entries]
        return bytes(shim.StateMetadataResult(entries=entries).SerializeToString())

    def _put(self, payload: bytes) -> bytes:
        request = shim.PutState.FromString(payload)
        self._simulator.put(self._namespace, request.collection, request.key, request.value)
        return b""

    def _delete(self, payload: bytes) -> bytes:
        request = shim.DelState.FromString(payload)
        self._simulator.put(self._namespace, request.collection, request.key, b"")
        return b""

    def _purge(self, payload: bytes) -> bytes:
        request = shim.PurgePrivateState.FromString(payload)
        self._simulator.purge(self._namespace, request.collection, request.key)
        return b""

    def _put_metadata(self, payload: bytes) -> bytes:
        request = shim.PutStateMetadata.FromString(payload)
        entry = (request.metadata.metakey, request.metadata.value)
        self._simulator.put_metadata(self._namespace, request.collection, request.key, *entry)
        return b""

    def _write_batch(self, payload: bytes) -> bytes:
        for record in shim.WriteBatchState.FromString(payload).rec:
            place = (self._namespace, record.collection, record.key)
            if record.type == shim.WriteRecord.PUT_STATE:
                self._simulator.put(*place, record.value)
            elif record.type == shim.WriteRecord.DEL_STATE:
                self._simulator.put(*place, b"")
            elif record.type == shim.WriteRecord.PURGE_PRIVATE_DATA:
                self._simulator.purge(*place)
            elif record.type == shim.WriteRecord.PUT_STATE_METADATA:
                self._simulator.put_metadata(*place, record.metadata.metakey, record.metadata.value)
            else:
                raise Refused("unknown operation type")
        return b""

    def _range(self, payload: bytes) -> bytes:
        request = shim.GetStateByRange.FromString(payload)
        page = shim.QueryMetadata.FromString(request.metadata)
        start = request.startKey
        if request.collection:
            pairs = self._simulator.private_range(self._namespace, request.collection, start, request.endKey)
        elif page.pageSize or page.bookmark:
            return self._page(page.bookmark or start, request.endKey, page.pageSize)
        else:
            pairs = self._simulator.range(self._namespace, start, request.endKey)
        return self._first(self._entries(pairs))

    def _page(self, start: str, end: str, size: int) -> bytes:
        """Return one page at once; the bookmark is the key after it, empty at the end."""
        pairs = self._simulator.page(self._namespace, start, end)
        page = list(itertools.islice(pairs, size or TOTAL_LIMIT))
        following = next(pairs, None) if size else None
        metadata = shim.QueryResponseMetadata(
            fetched_records_count=len(page), bookmark=following[0] if following else ""
        )
        results = [shim.QueryResultBytes(resultBytes=entry) for entry in self._entries(iter(page))]
        response = shim.QueryResponse(results=results, id=_query_id(), metadata=metadata.SerializeToString())
        return bytes(response.SerializeToString())

    def _history(self, payload: bytes) -> bytes:
        request = shim.GetHistoryForKey.FromString(payload)
        modifications = self._simulator.history(self._namespace, request.key)
        entries = (
            KeyModification(
                tx_id=modification.tx_id,
                value=modification.value,
                timestamp=modification.timestamp,
                is_delete=modification.is_delete,
            ).SerializeToString()
            for modification in modifications
        )
        return self._first(entries)

    def _rich_query(self, payload: bytes) -> bytes:
        raise Refused("ExecuteQuery not supported for leveldb")

    def _entries(self, pairs: Iterator[tuple[str, bytes]]) -> Iterator[bytes]:
        for key, value in pairs:
            yield bytes(KV(namespace=self._namespace, key=key, value=value).SerializeToString())

    def _first(self, entries: Iterator[bytes]) -> bytes:
        query = _query_id()
        self._queries[query] = itertools.islice(entries, TOTAL_LIMIT)
        return self._batch(query)

    def _next(self, payload: bytes) -> bytes:
        query = shim.QueryStateNext.FromString(payload).id
        if query not in self._queries:
            raise Refused("query iterator not found")
        return self._batch(query)

    def _close(self, payload: bytes) -> bytes:
        query = shim.QueryStateClose.FromString(payload).id
        self._queries.pop(query, None)
        return bytes(shim.QueryResponse(has_more=False, id=query).SerializeToString())

    def _batch(self, query: str) -> bytes:
        """Return the next results; one entry is read ahead to know whether there are more."""
        entries = self._queries[query]
        results = [shim.QueryResultBytes(resultBytes=entry) for entry in itertools.islice(entries, RESULT_BATCH)]
        ahead = next(entries, None) if len(results) == RESULT_BATCH else None
        if ahead is None:
            del self._queries[query]
        else:
            self._queries[query] = itertools.chain([ahead], entries)
        response = shim.QueryResponse(results=results, has_more=ahead is not None, id=query)
        return bytes(response.SerializeToString())


def _query_id() -> str:
    return secrets.token_hex(16)
