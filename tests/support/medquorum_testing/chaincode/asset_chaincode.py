# SPDX-License-Identifier: Apache-2.0
"""A chaincode with one transaction per thing a peer can do, for conformance scenarios and tests.

``python asset_chaincode.py`` serves it, in the environment of chaincode-as-a-service
 (``CHAINCODE_SERVER_ADDRESS``, ``CHAINCODE_ID``, ``CHAINCODE_TLS_*``).
``tests/conformance/node/asset_chaincode`` offers the same transactions through the official Node shim (``npm ci``, then
``node index.js``), except for the key rules, the form of ``id`` in ``WhoAmI`` and the ``PEER: `` before a peer's text.

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
    Refuse CODE CAUSE                    a ChaincodeError
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

from medquorum.shim import (
    ChaincodeError,
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

Transaction = Callable[..., "bytes | str | Response | None"]


class AssetChaincode:
    """Calls the transaction that the first argument names with the other arguments."""

    def invoke(self, stub: Stub) -> Response:
        name, *args = [raw.decode() for raw in stub.get_args()] or [""]
        transaction = TRANSACTIONS.get(name)
        if transaction is None:
            return error(f"You've asked to invoke a function that does not exist: {name}")
        result = transaction(stub, *args)
        if isinstance(result, Response):
            return result
        return success(result.encode() if isinstance(result, str) else result or b"")


def as_json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def found(key: str, value: bytes | None) -> bytes:
    if value is None:
        raise ChaincodeError("NOT_FOUND", f"The asset {key} does not exist")
    return value


def texts(values: Iterable[bytes | None]) -> str:
    return as_json([None if value is None else value.decode() for value in values])


def pairs(entries: Iterable[KeyValue]) -> str:
    return as_json([[entry.key, entry.value.decode()] for entry in entries])


def composites(stub: Stub, entries: Iterable[KeyValue]) -> str:
    return as_json([[stub.split_composite_key(entry.key)[1], entry.value.decode()] for entry in entries])


def opinion() -> str:
    return os.environ.get("ASSET_OPINION", "agreed")


def put_many(stub: Stub, prefix: str, count: str, value: str) -> None:
    for number in range(int(count)):
        stub.put_state(f"{prefix}{number:06d}", value.encode())


def digest(stub: Stub, key: str) -> str:
    value = found(key, stub.get_state(key))
    return as_json({"sha256": hashlib.sha256(value).hexdigest(), "size": len(value)})


def append(stub: Stub, key: str, more: str) -> bytes:
    value = (stub.get_state(key) or b"") + more.encode()
    stub.put_state(key, value)
    return value


def first(stub: Stub, start: str, end: str) -> str:
    key = next(stub.get_state_by_range(start, end)).key
    found(key, stub.get_state(key))
    return key


def count_into(stub: Stub, start: str, end: str, key: str) -> str:
    count = str(sum(1 for _ in stub.get_state_by_range(start, end)))
    stub.put_state(key, count.encode())
    return count


def history(stub: Stub, key: str) -> str:
    versions = stub.get_history_for_key(key)
    return as_json([{"txId": v.tx_id, "value": v.value.decode(), "isDelete": v.is_delete} for v in versions])


def put_composite_private(stub: Stub, collection: str, object_type: str, *attributes: str) -> None:
    key = stub.create_composite_key(object_type, attributes)
    stub.put_private_data(collection, key, stub.get_transient()["value"])


def list_composite_private(stub: Stub, collection: str, object_type: str, *attributes: str) -> str:
    return composites(stub, stub.get_private_data_by_partial_composite_key(collection, object_type, attributes))


def set_private_policy(stub: Stub, collection: str, key: str, required: str, *msp_ids: str) -> None:
    stub.set_private_data_validation_parameter(collection, key, endorsement_policy(msp_ids, int(required)))


def who_am_i(stub: Stub) -> str:
    caller = ClientIdentity(stub.get_creator())
    units, attributes = list(caller.organizational_units), dict(caller.attributes)
    return as_json({"mspId": caller.msp_id, "id": caller.id, "units": units, "attributes": attributes})


def put_and_emit(stub: Stub, key: str, value: str, name: str, payload: str) -> None:
    stub.put_state(key, value.encode())
    stub.set_event(name, payload.encode())


def refuse(stub: Stub, code: str, cause: str) -> None:
    raise ChaincodeError(code, cause, "Do something else")


def crash(stub: Stub) -> None:
    raise RuntimeError("text that must not leave the process")


TRANSACTIONS: dict[str, Transaction] = {
    "Put": lambda stub, key, value: stub.put_state(key, value.encode()),
    "Get": lambda stub, key: found(key, stub.get_state(key)),
    "Del": lambda stub, key: stub.del_state(key),
    "Fill": lambda stub, key, size: stub.put_state(key, b"x" * int(size)),
    "PutTransient": lambda stub, key, name: stub.put_state(key, stub.get_transient()[name]),
    "PutEmpty": lambda stub, key: stub.put_state(key, b""),
    "Digest": digest,
    "GetMany": lambda stub, *keys: texts(stub.get_multiple_states(keys)),
    "PutMany": put_many,
    "Append": append,
    "Range": lambda stub, start, end: pairs(stub.get_state_by_range(start, end)),
    "First": first,
    "CountInto": count_into,
    "History": history,
    "PutComposite": lambda stub, kind, value, *attributes: stub.put_state(
        stub.create_composite_key(kind, attributes), value.encode()
    ),
    "ListComposite": lambda stub, kind, *attributes: composites(
        stub, stub.get_state_by_partial_composite_key(kind, attributes)
    ),
    "PutPrivate": lambda stub, collection, key: stub.put_private_data(collection, key, stub.get_transient()["value"]),
    "GetPrivate": lambda stub, collection, key: found(key, stub.get_private_data(collection, key)),
    "GetManyPrivate": lambda stub, collection, *keys: texts(stub.get_multiple_private_data(collection, keys)),
    "HashPrivate": lambda stub, collection, key: found(key, stub.get_private_data_hash(collection, key)).hex(),
    "DelPrivate": lambda stub, collection, key: stub.del_private_data(collection, key),
    "PurgePrivate": lambda stub, collection, key: stub.purge_private_data(collection, key),
    "RangePrivate": lambda stub, collection, start, end: pairs(stub.get_private_data_by_range(collection, start, end)),
    "PutCompositePrivate": put_composite_private,
    "ListCompositePrivate": list_composite_private,
    "SetPolicy": lambda stub, key, required, *msp_ids: stub.set_state_validation_parameter(
        key, endorsement_policy(msp_ids, int(required))
    ),
    "GetPolicy": lambda stub, key: (stub.get_state_validation_parameter(key) or b"").hex(),
    "DropPolicy": lambda stub, key: stub.set_state_validation_parameter(key, b""),
    "SetPrivatePolicy": set_private_policy,
    "GetPrivatePolicy": lambda stub, collection, key: (
        stub.get_private_data_validation_parameter(collection, key) or b""
    ).hex(),
    "Echo": lambda stub, *args: as_json(args),
    "Transient": lambda stub, name: stub.get_transient()[name],
    "WhoAmI": who_am_i,
    "TxId": lambda stub: stub.tx_id,
    "Channel": lambda stub: stub.channel_id,
    "Timestamp": lambda stub: str(stub.get_tx_timestamp()),
    "Emit": lambda stub, name, payload: stub.set_event(name, payload.encode()),
    "PutAndEmit": put_and_emit,
    "Fail": lambda stub, message: error(message),
    "Status": lambda stub, code, message: Response(int(code), message),
    "Refuse": refuse,
    "Crash": crash,
    "Slow": lambda stub, milliseconds: time.sleep(int(milliseconds) / 1000),
    "Opinion": lambda stub: opinion(),
    "PutOpinion": lambda stub, key: stub.put_state(key, opinion().encode()),
    "Call": lambda stub, name, channel, *args: stub.invoke_chaincode(name, [arg.encode() for arg in args], channel),
    "Init": lambda stub, *args: stub.put_state("init", as_json(args).encode()),
}

if __name__ == "__main__":
    serve(AssetChaincode(), ServerSettings.from_environment())
