# SPDX-License-Identifier: Apache-2.0
"""An invocation's writes on their way to the peer: in batches for public state where the peer takes them."""

from __future__ import annotations

from typing import Any

from fabric_protos.peer import chaincode_shim_pb2 as shim

from medquorum.shim.exchange import Exchange

__all__ = ["Writes"]

BATCH_BYTES = 4 << 20

Message = shim.ChaincodeMessage
Record = shim.WriteRecord


class Writes:
    """Collects up to ``batch`` writes, or 4 MiB, per message; 0 sends each at once, as private writes always are.

    A private write can be refused for want of membership, and a contract should learn that where it writes. A
    contract never reads its own writes, so a public one may wait until the invocation ends.
    """

    def __init__(self, exchange: Exchange, batch: int) -> None:
        self._exchange = exchange
        self._batch = batch
        self._records: list[Any] = []
        self._bytes = 0

    def put(self, collection: str, key: str, value: bytes) -> None:
        """Write a value."""
        self._write(Record(type=Record.PUT_STATE, collection=collection, key=key, value=value))

    def delete(self, collection: str, key: str) -> None:
        """Delete a key."""
        self._write(Record(type=Record.DEL_STATE, collection=collection, key=key))

    def purge(self, collection: str, key: str) -> None:
        """Delete a private key with its history."""
        self._write(Record(type=Record.PURGE_PRIVATE_DATA, collection=collection, key=key))

    def put_metadata(self, collection: str, key: str, name: str, value: bytes) -> None:
        """Write one metadata entry of a key."""
        metadata = shim.StateMetadata(metakey=name, value=value)
        self._write(Record(type=Record.PUT_STATE_METADATA, collection=collection, key=key, metadata=metadata))

    def flush(self) -> None:
        """Send what was collected."""
        if self._records:
            batch = shim.WriteBatchState(rec=self._records)
            self._records, self._bytes = [], 0
            self._exchange.ask(Message.WRITE_BATCH_STATE, batch.SerializeToString())

    def _write(self, record: Any) -> None:
        if record.collection or not self._batch:
            self._exchange.ask(record.type, _single(record).SerializeToString())
            return
        size = record.ByteSize()
        if self._bytes + size > BATCH_BYTES:
            self.flush()
        self._records.append(record)
        self._bytes += size
        if len(self._records) >= self._batch:
            self.flush()


def _single(record: Any) -> Any:
    where = {"collection": record.collection, "key": record.key}
    if record.type == Record.PUT_STATE:
        return shim.PutState(value=record.value, **where)
    if record.type == Record.PUT_STATE_METADATA:
        return shim.PutStateMetadata(metadata=record.metadata, **where)
    return shim.DelState(**where)
