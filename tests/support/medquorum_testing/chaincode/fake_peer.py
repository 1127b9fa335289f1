# SPDX-License-Identifier: Apache-2.0
"""A peer in memory: dials a chaincode server as Fabric's peer does, answers its requests and runs transactions.

State is a dict that every write changes at once (no read sets, no commit), which is all a shim can tell. Set
``answers[KIND]`` to a function (request message -> message, None for no answer) to play a bad peer.
"""

from __future__ import annotations

import hashlib
import itertools
import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any

import grpc
from fabric_protos.common import common_pb2
from fabric_protos.ledger.queryresult import kv_query_result_pb2
from fabric_protos.peer import chaincode_pb2, proposal_pb2, proposal_response_pb2
from fabric_protos.peer import chaincode_shim_pb2 as shim

Message = shim.ChaincodeMessage
PAGE = 3


class FakePeer:
    """One stream to the chaincode at ``address``; use it as a context manager."""

    def __init__(
        self,
        address: str,
        *,
        expected_id: str = "",
        batch: bool = True,
        credentials: grpc.ChannelCredentials | None = None,
        state: dict[tuple[str, str], bytes] | None = None,
    ) -> None:
        self.state = {} if state is None else state
        self.metadata: dict[tuple[str, str], dict[str, bytes]] = {}
        self.history: dict[str, list[Any]] = {}
        self.requests: list[Any] = []
        self.answers: dict[int, Callable[[Any], Any]] = {}
        self.chaincode_id = ""
        self.registered = threading.Event()
        self.ended = threading.Event()
        self._expected_id = expected_id
        self._batch = batch
        self._numbers = itertools.count()
        self.cursors: dict[str, list[bytes]] = {}
        self._running: dict[tuple[str, str], Future[Any]] = {}
        self._outgoing: queue.SimpleQueue[Any] = queue.SimpleQueue()
        options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
        self._channel = (
            grpc.secure_channel(address, credentials, options)
            if credentials
            else grpc.insecure_channel(address, options)
        )
        connect = self._channel.stream_stream(
            "/protos.Chaincode/Connect", Message.SerializeToString, Message.FromString
        )
        self.call = connect(iter(self._outgoing.get, None))
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def __enter__(self) -> FakePeer:
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()

    def cut(self) -> None:
        """Break the connection."""
        self._outgoing.put(None)
        self.call.cancel()
        self._channel.close()
        self._thread.join(5)

    def send(self, message: Any) -> None:
        self._outgoing.put(message)

    def start(
        self,
        *args: bytes | str,
        tx_id: str = "",
        channel: str = "mychannel",
        transient: Mapping[str, bytes] | None = None,
        creator: bytes = b"creator",
        kind: int = Message.TRANSACTION,
    ) -> Future[Any]:
        """Send a transaction; the future gives the chaincode's COMPLETED message."""
        tx_id = tx_id or f"tx{next(self._numbers)}"
        raw = [arg.encode() if isinstance(arg, str) else arg for arg in args]
        message = Message(
            type=kind,
            txid=tx_id,
            channel_id=channel,
            payload=chaincode_pb2.ChaincodeInput(args=raw).SerializeToString(),
            proposal=signed_proposal(channel, tx_id, creator, transient or {}),
        )
        return self.transact(message)

    def transact(self, message: Any) -> Future[Any]:
        """Send a TRANSACTION or INIT message once the chaincode is registered."""
        assert self.registered.wait(5), "the chaincode did not register"
        future: Future[Any] = Future()
        self._running[message.channel_id, message.txid] = future
        self.send(message)
        return future

    def invoke(self, *args: bytes | str, **options: Any) -> Any:
        """Run a transaction and return its ``protos.Response``."""
        return response_of(self.start(*args, **options).result(20))

    def _read(self) -> None:
        try:
            for message in self.call:
                self._receive(message)
        except grpc.RpcError:
            pass
        finally:
            for future in list(self._running.values()):
                future.cancel()
            self.ended.set()

    def _receive(self, message: Any) -> None:
        if message.type == Message.REGISTER:
            self._register(message)
        elif message.type in (Message.COMPLETED, Message.ERROR):
            future = self._running.pop((message.channel_id, message.txid), None)
            if future:
                future.set_result(message)
        elif message.type != Message.KEEPALIVE:
            self.requests.append(message)
            answer = self.answers.get(message.type, self._answer)(message)
            if answer is not None:
                self.send(answer)
        else:
            self.requests.append(message)

    def _register(self, message: Any) -> None:
        self.chaincode_id = chaincode_pb2.ChaincodeID.FromString(message.payload).name
        if self._expected_id and self.chaincode_id != self._expected_id:
            self._outgoing.put(None)
            self.call.cancel()
            return
        offer = chaincode_pb2.ChaincodeAdditionalParams(
            use_write_batch=self._batch,
            max_size_write_batch=4,
            use_get_multiple_keys=self._batch,
            max_size_get_multiple_keys=3,
        )
        self.send(Message(type=Message.REGISTERED))
        self.send(Message(type=Message.READY, payload=offer.SerializeToString()))
        self.registered.set()

    def _answer(self, message: Any) -> Any:
        try:
            payload = HANDLERS[message.type](self, message)
        except KeyError:
            return reply(message, b"no such thing", Message.ERROR)
        return reply(message, payload)

    # What a chaincode may ask

    def _get(self, message: Any) -> bytes:
        request = shim.GetState.FromString(message.payload)
        return self.state.get((request.collection, request.key), b"")

    def _get_multiple(self, message: Any) -> bytes:
        request = shim.GetStateMultiple.FromString(message.payload)
        values = [self.state.get((request.collection, key), b"") for key in request.keys]
        return bytes(shim.GetStateMultipleResult(values=values).SerializeToString())

    def _put(self, message: Any) -> bytes:
        self._apply(message, message.type, shim.PutState.FromString(message.payload))
        return b""

    def _delete(self, message: Any) -> bytes:
        self._apply(message, message.type, shim.DelState.FromString(message.payload))
        return b""

    def _put_metadata(self, message: Any) -> bytes:
        self._apply(message, message.type, shim.PutStateMetadata.FromString(message.payload))
        return b""

    def _write_batch(self, message: Any) -> bytes:
        for record in shim.WriteBatchState.FromString(message.payload).rec:
            self._apply(message, record.type, record)
        return b""

    def _apply(self, message: Any, kind: int, write: Any) -> None:
        where = (write.collection, write.key)
        if kind == Message.PUT_STATE_METADATA:
            self.metadata.setdefault(where, {})[write.metadata.metakey] = write.metadata.value
            return
        deleted = kind in (Message.DEL_STATE, Message.PURGE_PRIVATE_DATA)
        if deleted:
            self.state.pop(where, None)
        else:
            self.state[where] = write.value
        version = kv_query_result_pb2.KeyModification(
            tx_id=message.txid, value=b"" if deleted else write.value, is_delete=deleted
        )
        self.history.setdefault(write.key, []).insert(0, version)

    def _get_metadata(self, message: Any) -> bytes:
        request = shim.GetStateMetadata.FromString(message.payload)
        entries = [
            shim.StateMetadata(metakey=name, value=value)
            for name, value in self.metadata.get((request.collection, request.key), {}).items()
        ]
        return bytes(shim.StateMetadataResult(entries=entries).SerializeToString())

    def _hash(self, message: Any) -> bytes:
        value = self._get(message)
        return hashlib.sha256(value).digest() if value else b""

    def _range(self, message: Any) -> bytes:
        request = shim.GetStateByRange.FromString(message.payload)
        keys = sorted(
            key
            for collection, key in self.state
            if collection == request.collection
            and request.startKey <= key
            and (not request.endKey or key < request.endKey)
        )
        entries = [
            kv_query_result_pb2.KV(key=key, value=self.state[request.collection, key]).SerializeToString()
            for key in keys
        ]
        return self._page(f"cursor{next(self._numbers)}", entries)

    def _get_history(self, message: Any) -> bytes:
        versions = self.history.get(shim.GetHistoryForKey.FromString(message.payload).key, [])
        return self._page(f"cursor{next(self._numbers)}", [version.SerializeToString() for version in versions])

    def _next(self, message: Any) -> bytes:
        cursor = shim.QueryStateNext.FromString(message.payload).id
        return self._page(cursor, self.cursors.pop(cursor))

    def _close(self, message: Any) -> bytes:
        del self.cursors[shim.QueryStateClose.FromString(message.payload).id]
        return bytes(shim.QueryResponse().SerializeToString())

    def _page(self, cursor: str, entries: Sequence[bytes]) -> bytes:
        if len(entries) > PAGE:
            self.cursors[cursor] = list(entries[PAGE:])
        results = [shim.QueryResultBytes(resultBytes=entry) for entry in entries[:PAGE]]
        page = shim.QueryResponse(results=results, has_more=len(entries) > PAGE, id=cursor)
        return bytes(page.SerializeToString())

    def _invoke_chaincode(self, message: Any) -> bytes:
        spec = chaincode_pb2.ChaincodeSpec.FromString(message.payload)
        payload = spec.chaincode_id.name.encode() + b":" + b",".join(spec.input.args)
        response = proposal_response_pb2.Response(status=200, payload=payload)
        return bytes(Message(type=Message.COMPLETED, payload=response.SerializeToString()).SerializeToString())


HANDLERS: dict[int, Callable[[FakePeer, Any], bytes]] = {
    Message.GET_STATE: FakePeer._get,
    Message.GET_STATE_MULTIPLE: FakePeer._get_multiple,
    Message.PUT_STATE: FakePeer._put,
    Message.DEL_STATE: FakePeer._delete,
    Message.PURGE_PRIVATE_DATA: FakePeer._delete,
    Message.PUT_STATE_METADATA: FakePeer._put_metadata,
    Message.GET_STATE_METADATA: FakePeer._get_metadata,
    Message.WRITE_BATCH_STATE: FakePeer._write_batch,
    Message.GET_PRIVATE_DATA_HASH: FakePeer._hash,
    Message.GET_STATE_BY_RANGE: FakePeer._range,
    Message.GET_HISTORY_FOR_KEY: FakePeer._get_history,
    Message.QUERY_STATE_NEXT: FakePeer._next,
    Message.QUERY_STATE_CLOSE: FakePeer._close,
    Message.INVOKE_CHAINCODE: FakePeer._invoke_chaincode,
}


def reply(request: Any, payload: bytes, kind: int = Message.RESPONSE) -> Any:
    """Make an answer to a chaincode's request."""
    return Message(type=kind, payload=payload, txid=request.txid, channel_id=request.channel_id)


def response_of(message: Any) -> Any:
    """Read the response out of a COMPLETED message."""
    assert message.type == Message.COMPLETED, message.payload
    return proposal_response_pb2.Response.FromString(message.payload)


def signed_proposal(channel: str, tx_id: str, creator: bytes, transient: Mapping[str, bytes]) -> Any:
    """Make what a peer hands on of a client's proposal, signature left out; its time is 1700000000.000000005."""
    channel_header = common_pb2.ChannelHeader(type=3, channel_id=channel, tx_id=tx_id)
    channel_header.timestamp.seconds = 1_700_000_000
    channel_header.timestamp.nanos = 5
    header = common_pb2.Header(
        channel_header=channel_header.SerializeToString(),
        signature_header=common_pb2.SignatureHeader(creator=creator).SerializeToString(),
    )
    payload = proposal_pb2.ChaincodeProposalPayload()
    for name, value in transient.items():
        payload.TransientMap[name] = value
    proposal = proposal_pb2.Proposal(header=header.SerializeToString(), payload=payload.SerializeToString())
    return proposal_pb2.SignedProposal(proposal_bytes=proposal.SerializeToString())
