# SPDX-License-Identifier: Apache-2.0
"""A chaincode with one transaction per thing a peer can do, for conformance scenarios and tests.

``python tests/support/asset_chaincode.py`` serves it, with the repository's root on ``PYTHONPATH`` and the environment
of chaincode-as-a-service (``CHAINCODE_SERVER_ADDRESS``, ``CHAINCODE_ID``, ``CHAINCODE_TLS_*``).
``tests/conformance/node/asset_chaincode`` offers the same transactions through the official Node shim.

Arguments and results are UTF-8 text, ``...`` stands for any number of arguments, results after ``->``. An absent key
fails with ``NOT_FOUND: The asset KEY does not exist``.

State
    Put KEY VALUE
    Get KEY -> value
    Del KEY
    Fill KEY SIZE                        writes SIZE bytes of "x"
    PutTransient KEY NAME                writes the transient value NAME
    PutEmpty KEY                         refused: EMPTY_VALUE
    Digest KEY -> {"sha256", "size"}
    GetMany KEY... -> [value or null]
    PutMany PREFIX COUNT VALUE           keys PREFIX000000, PREFIX000001, ...
    Append KEY TEXT -> value             read, then write (MVCC conflict)
    Range START END -> [[key, value]]
    First START END -> key               leaves the range early
    CountInto START END KEY -> count     range, then write (phantom conflict)
    History KEY -> [{"isDelete", "txId", "value"}], newest first
    PutComposite TYPE VALUE ATTRIBUTE...
    ListComposite TYPE ATTRIBUTE... -> [[[attribute...], value]]
Private data
    PutPrivate COLLECTION KEY            writes the transient value "value"
    GetPrivate COLLECTION KEY -> value
    GetManyPrivate COLLECTION KEY... -> [value or null]
    HashPrivate COLLECTION KEY -> hex
    DelPrivate COLLECTION KEY
    PurgePrivate COLLECTION KEY
    RangePrivate COLLECTION START END -> [[key, value]]
    PutCompositePrivate COLLECTION TYPE ATTRIBUTE...   writes the transient value "value"
    ListCompositePrivate COLLECTION TYPE ATTRIBUTE... -> [[[attribute...], value]]
Key-level endorsement
    SetPolicy KEY REQUIRED MSPID...
    GetPolicy KEY -> hex, "" for none
    DropPolicy KEY
    SetPrivatePolicy COLLECTION KEY REQUIRED MSPID...
    GetPrivatePolicy COLLECTION KEY -> hex, "" for none
Proposal
    Echo ARGUMENT... -> [argument]
    Transient NAME -> the bytes
    WhoAmI -> {"attributes", "id", "mspId", "units"}
    TxId -> id
    Channel -> name
    Timestamp -> nanoseconds since 1970
Results
    Emit NAME PAYLOAD                    sets an event
    PutAndEmit KEY VALUE NAME PAYLOAD
    Fail MESSAGE                         status 500
    Status CODE MESSAGE
    Refuse CODE CAUSE                    a ContractError
    Crash                                an unexpected exception
    Slow MILLISECONDS
    Opinion -> the environment variable ASSET_OPINION, "agreed" when unset, so that organisations can differ
    PutOpinion KEY
Others
    Call CHAINCODE CHANNEL ARGUMENT... -> its response; CHANNEL "" is the caller's
    Init ARGUMENT...                     writes key "init"
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterable
from typing import Any

from chaincode.shim import (
    ClientIdentity,
    KeyValue,
    Response,
    ServerSettings,
    Stub,
    endorsement_policy,
    error,
    serve,
    success,
)
from medquorum import ContractError

Transaction = Callable[..., "bytes | str | Response | None"]
TRANSACTIONS: dict[str, Transaction] = {}


def transaction(name: str) -> Callable[[Transaction], Transaction]:
    """Offer a function to clients under this name."""

    def offer(function: Transaction) -> Transaction:
        TRANSACTIONS[name] = function
        return function

    return offer


class AssetChaincode:
    """Dispatches to the functions of this module."""

    def invoke(self, stub: Stub) -> Response:
        name, *args = [raw.decode() for raw in stub.get_args()] or [""]
        function = TRANSACTIONS.get(name)
        if function is None:
            return error(f"You've asked to invoke a function that does not exist: {name}")
        result = function(stub, *args)
        if isinstance(result, Response):
            return result
        return success(result.encode() if isinstance(result, str) else result or b"")


def as_json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def found(key: str, value: bytes | None) -> bytes:
    if value is None:
        raise ContractError("NOT_FOUND", f"The asset {key} does not exist")
    return value


def text(value: bytes | None) -> str | None:
    return None if value is None else value.decode()


def pairs(entries: Iterable[KeyValue]) -> str:
    return as_json([[entry.key, entry.value.decode()] for entry in entries])


def composites(stub: Stub, entries: Iterable[KeyValue]) -> str:
    return as_json([[stub.split_composite_key(entry.key)[1], entry.value.decode()] for entry in entries])


# State


@transaction("Put")
def put(stub: Stub, key: str, value: str) -> None:
    stub.put_state(key, value.encode())


@transaction("Get")
def get(stub: Stub, key: str) -> bytes:
    return found(key, stub.get_state(key))


@transaction("GetMany")
def get_many(stub: Stub, *keys: str) -> str:
    return as_json([text(value) for value in stub.get_multiple_states(keys)])


@transaction("PutMany")
def put_many(stub: Stub, prefix: str, count: str, value: str) -> None:
    for number in range(int(count)):
        stub.put_state(f"{prefix}{number:06d}", value.encode())


@transaction("Fill")
def fill(stub: Stub, key: str, size: str) -> None:
    stub.put_state(key, b"x" * int(size))


@transaction("PutTransient")
def put_transient(stub: Stub, key: str, name: str) -> None:
    stub.put_state(key, stub.get_transient()[name])


@transaction("Digest")
def digest(stub: Stub, key: str) -> str:
    value = found(key, stub.get_state(key))
    return as_json({"sha256": hashlib.sha256(value).hexdigest(), "size": len(value)})


@transaction("PutEmpty")
def put_empty(stub: Stub, key: str) -> None:
    stub.put_state(key, b"")


@transaction("Append")
def append(stub: Stub, key: str, more: str) -> bytes:
    value = (stub.get_state(key) or b"") + more.encode()
    stub.put_state(key, value)
    return value


@transaction("Range")
def range_(stub: Stub, start: str, end: str) -> str:
    return pairs(stub.get_state_by_range(start, end))


@transaction("First")
def first(stub: Stub, start: str, end: str) -> str:
    key = next(stub.get_state_by_range(start, end)).key
    found(key, stub.get_state(key))
    return key


@transaction("CountInto")
def count_into(stub: Stub, start: str, end: str, key: str) -> str:
    count = str(sum(1 for _ in stub.get_state_by_range(start, end)))
    stub.put_state(key, count.encode())
    return count


@transaction("History")
def history(stub: Stub, key: str) -> str:
    versions = stub.get_history_for_key(key)
    return as_json([{"txId": v.tx_id, "value": v.value.decode(), "isDelete": v.is_delete} for v in versions])


@transaction("PutComposite")
def put_composite(stub: Stub, object_type: str, value: str, *attributes: str) -> None:
    stub.put_state(stub.create_composite_key(object_type, attributes), value.encode())


@transaction("ListComposite")
def list_composite(stub: Stub, object_type: str, *attributes: str) -> str:
    return composites(stub, stub.get_state_by_partial_composite_key(object_type, attributes))


# Private data


@transaction("PutPrivate")
def put_private(stub: Stub, collection: str, key: str) -> None:
    stub.put_private_data(collection, key, stub.get_transient()["value"])


@transaction("GetPrivate")
def get_private(stub: Stub, collection: str, key: str) -> bytes:
    return found(key, stub.get_private_data(collection, key))


@transaction("GetManyPrivate")
def get_many_private(stub: Stub, collection: str, *keys: str) -> str:
    return as_json([text(value) for value in stub.get_multiple_private_data(collection, keys)])


@transaction("HashPrivate")
def hash_private(stub: Stub, collection: str, key: str) -> str:
    return found(key, stub.get_private_data_hash(collection, key)).hex()


@transaction("RangePrivate")
def range_private(stub: Stub, collection: str, start: str, end: str) -> str:
    return pairs(stub.get_private_data_by_range(collection, start, end))


@transaction("PutCompositePrivate")
def put_composite_private(stub: Stub, collection: str, object_type: str, *attributes: str) -> None:
    key = stub.create_composite_key(object_type, attributes)
    stub.put_private_data(collection, key, stub.get_transient()["value"])


@transaction("ListCompositePrivate")
def list_composite_private(stub: Stub, collection: str, object_type: str, *attributes: str) -> str:
    entries = stub.get_private_data_by_partial_composite_key(collection, object_type, attributes)
    return composites(stub, entries)


# Key-level endorsement


@transaction("SetPolicy")
def set_policy(stub: Stub, key: str, required: str, *msp_ids: str) -> None:
    stub.set_state_validation_parameter(key, endorsement_policy(msp_ids, int(required)))


@transaction("GetPolicy")
def get_policy(stub: Stub, key: str) -> str:
    return (stub.get_state_validation_parameter(key) or b"").hex()


@transaction("DropPolicy")
def drop_policy(stub: Stub, key: str) -> None:
    stub.set_state_validation_parameter(key, b"")


@transaction("SetPrivatePolicy")
def set_private_policy(stub: Stub, collection: str, key: str, required: str, *msp_ids: str) -> None:
    stub.set_private_data_validation_parameter(collection, key, endorsement_policy(msp_ids, int(required)))


@transaction("GetPrivatePolicy")
def get_private_policy(stub: Stub, collection: str, key: str) -> str:
    return (stub.get_private_data_validation_parameter(collection, key) or b"").hex()


# Proposal


@transaction("Echo")
def echo(stub: Stub, *args: str) -> str:
    return as_json(args)


@transaction("Transient")
def transient(stub: Stub, name: str) -> bytes:
    return stub.get_transient()[name]


@transaction("WhoAmI")
def who_am_i(stub: Stub) -> str:
    caller = ClientIdentity(stub.get_creator())
    return as_json(
        {
            "mspId": caller.msp_id,
            "id": caller.id,
            "units": caller.organizational_units,
            "attributes": dict(caller.attributes),
        }
    )


@transaction("TxId")
def tx_id(stub: Stub) -> str:
    return stub.tx_id


@transaction("Channel")
def channel(stub: Stub) -> str:
    return stub.channel_id


@transaction("Timestamp")
def timestamp(stub: Stub) -> str:
    return str(stub.get_tx_timestamp())


# Results


@transaction("Emit")
def emit(stub: Stub, name: str, payload: str) -> None:
    stub.set_event(name, payload.encode())


@transaction("PutAndEmit")
def put_and_emit(stub: Stub, key: str, value: str, name: str, payload: str) -> None:
    stub.put_state(key, value.encode())
    stub.set_event(name, payload.encode())


@transaction("Fail")
def fail(stub: Stub, message: str) -> Response:
    return error(message)


@transaction("Status")
def status(stub: Stub, code: str, message: str) -> Response:
    return Response(int(code), message)


@transaction("Refuse")
def refuse(stub: Stub, code: str, cause: str) -> None:
    raise ContractError(code, cause, "Do something else")


@transaction("Crash")
def crash(stub: Stub) -> None:
    raise RuntimeError("text that must not leave the process")


@transaction("Slow")
def slow(stub: Stub, milliseconds: str) -> None:
    time.sleep(int(milliseconds) / 1000)


@transaction("Opinion")
def opinion(stub: Stub) -> str:
    return os.environ.get("ASSET_OPINION", "agreed")


@transaction("PutOpinion")
def put_opinion(stub: Stub, key: str) -> None:
    stub.put_state(key, opinion(stub).encode())


# Others


@transaction("Call")
def call(stub: Stub, chaincode: str, on_channel: str, *args: str) -> Response:
    return stub.invoke_chaincode(chaincode, [arg.encode() for arg in args], on_channel)


@transaction("Init")
def init(stub: Stub, *args: str) -> None:
    stub.put_state("init", as_json(args).encode())


TRANSACTIONS |= {
    "Del": lambda stub, key: stub.del_state(key),
    "DelPrivate": lambda stub, collection, key: stub.del_private_data(collection, key),
    "PurgePrivate": lambda stub, collection, key: stub.purge_private_data(collection, key),
}

if __name__ == "__main__":
    serve(AssetChaincode(), ServerSettings.from_environment())
