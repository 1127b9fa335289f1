# SPDX-License-Identifier: Apache-2.0
"""The stub of one invocation: every call of ``interface.Stub`` as messages to the peer (``chaincode_shim.proto``)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from fabric_protos.ledger.queryresult import kv_query_result_pb2
from fabric_protos.peer import chaincode_event_pb2, chaincode_pb2, proposal_response_pb2
from fabric_protos.peer import chaincode_shim_pb2 as shim

from medquorum.shim import keys
from medquorum.shim.errors import ChaincodeError, PeerError
from medquorum.shim.exchange import Exchange
from medquorum.shim.interface import KeyModification, KeyValue, Response
from medquorum.shim.proposal import Proposal
from medquorum.shim.writes import Writes

__all__ = ["LedgerStub", "PeerOffer"]

VALIDATION_PARAMETER = "VALIDATION_PARAMETER"

Message = shim.ChaincodeMessage
T = TypeVar("T")


@dataclass(frozen=True)
class PeerOffer:
    """How many records a peer takes in one write batch and keys in one read; 0 where it offers none."""

    write_batch: int = 0
    multiple_keys: int = 0


class LedgerStub:
    """Implements ``interface.Stub`` over an ``Exchange``."""

    def __init__(self, exchange: Exchange, args: Sequence[bytes], proposal: Proposal, offer: PeerOffer) -> None:
        self._exchange = exchange
        self._args = tuple(args)
        self._proposal = proposal
        self._offer = offer
        self._writes = Writes(exchange, offer.write_batch)
        self._left_open: list[str] = []
        self.event: Any = None

    @property
    def tx_id(self) -> str:
        """The transaction's id."""
        return self._exchange.tx_id

    @property
    def channel_id(self) -> str:
        """The channel's name."""
        return self._exchange.channel_id

    def get_args(self) -> Sequence[bytes]:
        """Return all arguments; the first is the transaction's name."""
        return self._args

    def get_transient(self) -> Mapping[str, bytes]:
        """Return the proposal's transient map, which never reaches the ledger by itself."""
        return self._proposal.transient

    def get_creator(self) -> bytes:
        """Return the sender's ``msp.SerializedIdentity`` (see ``ClientIdentity``)."""
        return self._proposal.creator

    def get_tx_timestamp(self) -> int:
        """Return the client's time of the proposal in nanoseconds since 1970, the same on every peer."""
        return self._proposal.timestamp

    # Public state

    def get_state(self, key: str) -> bytes | None:
        """Read a key's committed value, None if it has none."""
        return self._get("", key)

    def get_multiple_states(self, names: Sequence[str]) -> list[bytes | None]:
        """Read several keys, in one message where the peer offers it."""
        return self._get_multiple("", names)

    def put_state(self, key: str, value: bytes) -> None:
        """Write a value; a refusal by the peer may only show when the invocation ends."""
        self._writes.put("", keys.check_key(key), _checked(key, value))

    def del_state(self, key: str) -> None:
        """Delete a key."""
        self._writes.delete("", keys.check_key(key))

    def get_state_by_range(self, start: str, end: str) -> Iterator[KeyValue]:
        """Iterate over the simple keys from ``start`` to before ``end`` in their order; "" leaves a side open."""
        return self._range("", *keys.simple_range(start, end))

    def create_composite_key(self, object_type: str, attributes: Sequence[str]) -> str:
        """Join an object type and attributes to one key."""
        return keys.create_composite_key(object_type, attributes)

    def split_composite_key(self, key: str) -> tuple[str, list[str]]:
        """Split a composite key into object type and attributes."""
        return keys.split_composite_key(key)

    def get_state_by_partial_composite_key(self, object_type: str, attributes: Sequence[str]) -> Iterator[KeyValue]:
        """Iterate over the composite keys that begin with these parts."""
        return self._range("", *keys.composite_range(object_type, attributes))

    def get_history_for_key(self, key: str) -> Iterator[KeyModification]:
        """Iterate over a key's committed versions, newest first."""
        request = shim.GetHistoryForKey(key=keys.check_key(key))
        return self._results(Message.GET_HISTORY_FOR_KEY, request, _key_modification)

    def set_state_validation_parameter(self, key: str, policy: bytes) -> None:
        """Set who must endorse the key's next changes (``endorsement_policy``); b"" removes the policy."""
        self._writes.put_metadata("", keys.check_key(key), VALIDATION_PARAMETER, policy)

    def get_state_validation_parameter(self, key: str) -> bytes | None:
        """Read a key's own endorsement policy, None if it has none."""
        return self._get_policy("", key)

    # Private data

    def get_private_data(self, collection: str, key: str) -> bytes | None:
        """Read a private value, None if the key has none."""
        return self._get(_named(collection), key)

    def get_multiple_private_data(self, collection: str, names: Sequence[str]) -> list[bytes | None]:
        """Read several private keys, in one message where the peer offers it."""
        return self._get_multiple(_named(collection), names)

    def get_private_data_hash(self, collection: str, key: str) -> bytes | None:
        """Read the SHA-256 of a private value, which peers outside the collection hold too."""
        request = shim.GetState(collection=_named(collection), key=keys.check_key(key))
        return self._ask(Message.GET_PRIVATE_DATA_HASH, request) or None

    def put_private_data(self, collection: str, key: str, value: bytes) -> None:
        """Write a private value."""
        self._writes.put(_named(collection), keys.check_key(key), _checked(key, value))

    def del_private_data(self, collection: str, key: str) -> None:
        """Delete a private value; its former versions stay in the members' stores."""
        self._writes.delete(_named(collection), keys.check_key(key))

    def purge_private_data(self, collection: str, key: str) -> None:
        """Delete a private value and its former versions from the members' stores."""
        self._writes.purge(_named(collection), keys.check_key(key))

    def get_private_data_by_range(self, collection: str, start: str, end: str) -> Iterator[KeyValue]:
        """Iterate over private simple keys; a peer allows it only in a transaction that writes nothing."""
        return self._range(_named(collection), *keys.simple_range(start, end))

    def get_private_data_by_partial_composite_key(
        self, collection: str, object_type: str, attributes: Sequence[str]
    ) -> Iterator[KeyValue]:
        """Iterate over private composite keys; a peer allows it only in a transaction that writes nothing."""
        return self._range(_named(collection), *keys.composite_range(object_type, attributes))

    def set_private_data_validation_parameter(self, collection: str, key: str, policy: bytes) -> None:
        """Set who must endorse a private key's next changes."""
        self._writes.put_metadata(_named(collection), keys.check_key(key), VALIDATION_PARAMETER, policy)

    def get_private_data_validation_parameter(self, collection: str, key: str) -> bytes | None:
        """Read a private key's own endorsement policy, None if it has none."""
        return self._get_policy(_named(collection), key)

    # Events and other chaincodes

    def set_event(self, name: str, payload: bytes) -> None:
        """Set the transaction's one event; a later call replaces it."""
        if not name:
            raise ChaincodeError("BAD_EVENT", "an event needs a name")
        self.event = chaincode_event_pb2.ChaincodeEvent(event_name=name, payload=payload)

    def invoke_chaincode(self, name: str, args: Sequence[bytes], channel: str = "") -> Response:
        """Call another chaincode in the same transaction; on another channel it can only read."""
        self._writes.flush()
        spec = chaincode_pb2.ChaincodeSpec(
            chaincode_id=chaincode_pb2.ChaincodeID(name=f"{name}/{channel}" if channel else name),
            input=chaincode_pb2.ChaincodeInput(args=args),
        )
        message = Message.FromString(self._ask(Message.INVOKE_CHAINCODE, spec))
        if message.type != Message.COMPLETED:
            raise PeerError(message.payload.decode("utf-8", "replace"))
        response = proposal_response_pb2.Response.FromString(message.payload)
        return Response(response.status, response.message, response.payload)

    def finish(self) -> None:
        """Send the writes that still wait in a batch."""
        self._writes.flush()

    def _ask(self, kind: int, request: Any) -> bytes:
        while self._left_open:
            close = shim.QueryStateClose(id=self._left_open.pop())
            self._exchange.ask(Message.QUERY_STATE_CLOSE, close.SerializeToString())
        return self._exchange.ask(kind, request.SerializeToString())

    def _get(self, collection: str, key: str) -> bytes | None:
        return self._ask(Message.GET_STATE, shim.GetState(collection=collection, key=keys.check_key(key))) or None

    def _get_multiple(self, collection: str, names: Sequence[str]) -> list[bytes | None]:
        at_once = self._offer.multiple_keys
        if not at_once:
            return [self._get(collection, name) for name in names]
        values: list[bytes | None] = []
        for first in range(0, len(names), at_once):
            part = [keys.check_key(name) for name in names[first : first + at_once]]
            raw = self._ask(Message.GET_STATE_MULTIPLE, shim.GetStateMultiple(collection=collection, keys=part))
            results = shim.GetStateMultipleResult.FromString(raw).values
            if len(results) != len(part):
                raise PeerError(f"the peer answered {len(results)} values for {len(part)} keys")
            values += [value or None for value in results]
        return values

    def _get_policy(self, collection: str, key: str) -> bytes | None:
        request = shim.GetStateMetadata(collection=collection, key=keys.check_key(key))
        result = shim.StateMetadataResult.FromString(self._ask(Message.GET_STATE_METADATA, request))
        return next((e.value or None for e in result.entries if e.metakey == VALIDATION_PARAMETER), None)

    def _range(self, collection: str, start: str, end: str) -> Iterator[KeyValue]:
        request = shim.GetStateByRange(collection=collection, startKey=start, endKey=end)
        return self._results(Message.GET_STATE_BY_RANGE, request, _key_value)

    def _results(self, kind: int, request: Any, parse: Callable[[bytes], T]) -> Iterator[T]:
        return self._pages(shim.QueryResponse.FromString(self._ask(kind, request)), parse)

    def _pages(self, page: Any, parse: Callable[[bytes], T]) -> Iterator[T]:
        try:
            while True:
                for result in page.results:
                    yield parse(result.resultBytes)
                if not page.has_more:
                    return
                page = shim.QueryResponse.FromString(
                    self._ask(Message.QUERY_STATE_NEXT, shim.QueryStateNext(id=page.id))
                )
        finally:
            # Runs in whatever thread drops the iterator, so the peer is told with the next request, not here.
            if page.has_more:
                self._left_open.append(page.id)


def _named(collection: str) -> str:
    if not collection:
        raise ChaincodeError("BAD_COLLECTION", "a collection must be named")
    return collection


def _checked(key: str, value: bytes) -> bytes:
    if not value:
        raise ChaincodeError("EMPTY_VALUE", f"the value of {key[:80]!r} is empty, which a peer takes as a delete")
    return value


def _key_value(raw: bytes) -> KeyValue:
    entry = kv_query_result_pb2.KV.FromString(raw)
    return KeyValue(entry.key, entry.value)


def _key_modification(raw: bytes) -> KeyModification:
    entry = kv_query_result_pb2.KeyModification.FromString(raw)
    timestamp = entry.timestamp.seconds * 1_000_000_000 + entry.timestamp.nanos
    return KeyModification(entry.tx_id, entry.value, timestamp, entry.is_delete)
