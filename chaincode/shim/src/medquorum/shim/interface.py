# SPDX-License-Identifier: Apache-2.0
"""What a chaincode sees of its peer: the stub, in the names of Fabric's other shims."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

__all__ = ["Chaincode", "KeyModification", "KeyValue", "Response", "Stub", "error", "success"]

OK = 200
ERROR = 500


@dataclass(frozen=True)
class Response:
    """A transaction's result (``protos.Response``); a status of 400 or more refuses the endorsement."""

    status: int
    message: str = ""
    payload: bytes = field(default=b"", repr=False)


def success(payload: bytes = b"") -> Response:
    """Make the response of a transaction that went well."""
    return Response(OK, "", payload)


def error(message: str) -> Response:
    """Make the response of a refused transaction."""
    return Response(ERROR, message)


@dataclass(frozen=True)
class KeyValue:
    """One entry of a range (``queryresult.KV``)."""

    key: str
    value: bytes = field(repr=False)


@dataclass(frozen=True)
class KeyModification:
    """One version of a key, newest first (``queryresult.KeyModification``); ``timestamp`` in nanoseconds."""

    tx_id: str
    value: bytes = field(repr=False)
    timestamp: int
    is_delete: bool


class Stub(Protocol):
    """One invocation's view of the ledger. Reads do not see the invocation's own writes (as in Fabric).

    Every method that asks the peer raises ``PeerError`` with the peer's text; an empty key, a key that starts with
    0x00 outside a composite key, and an empty value raise ``ChaincodeError`` (``BAD_KEY``, ``EMPTY_VALUE``), because
    the peer itself takes an empty value as a delete and checks no key. Writes of public state travel in batches, so
    their refusal may show only when the invocation ends; private writes are answered at once.
    """

    @property
    def tx_id(self) -> str: ...
    @property
    def channel_id(self) -> str: ...
    def get_args(self) -> Sequence[bytes]: ...
    def get_transient(self) -> Mapping[str, bytes]: ...
    def get_creator(self) -> bytes: ...
    def get_tx_timestamp(self) -> int: ...

    def get_state(self, key: str) -> bytes | None: ...
    def get_multiple_states(self, names: Sequence[str]) -> list[bytes | None]: ...
    def put_state(self, key: str, value: bytes) -> None: ...
    def del_state(self, key: str) -> None: ...
    def get_state_by_range(self, start: str, end: str) -> Iterator[KeyValue]: ...
    def create_composite_key(self, object_type: str, attributes: Sequence[str]) -> str: ...
    def split_composite_key(self, key: str) -> tuple[str, list[str]]: ...
    def get_state_by_partial_composite_key(self, object_type: str, attributes: Sequence[str]) -> Iterator[KeyValue]: ...
    def get_history_for_key(self, key: str) -> Iterator[KeyModification]: ...
    def set_state_validation_parameter(self, key: str, policy: bytes) -> None: ...
    def get_state_validation_parameter(self, key: str) -> bytes | None: ...

    def get_private_data(self, collection: str, key: str) -> bytes | None: ...
    def get_multiple_private_data(self, collection: str, names: Sequence[str]) -> list[bytes | None]: ...
    def get_private_data_hash(self, collection: str, key: str) -> bytes | None: ...
    def put_private_data(self, collection: str, key: str, value: bytes) -> None: ...
    def del_private_data(self, collection: str, key: str) -> None: ...
    def purge_private_data(self, collection: str, key: str) -> None: ...
    def get_private_data_by_range(self, collection: str, start: str, end: str) -> Iterator[KeyValue]: ...
    def get_private_data_by_partial_composite_key(
        self, collection: str, object_type: str, attributes: Sequence[str]
    ) -> Iterator[KeyValue]: ...
    def set_private_data_validation_parameter(self, collection: str, key: str, policy: bytes) -> None: ...
    def get_private_data_validation_parameter(self, collection: str, key: str) -> bytes | None: ...

    def set_event(self, name: str, payload: bytes) -> None: ...
    def invoke_chaincode(self, name: str, args: Sequence[bytes], channel: str = "") -> Response: ...


class Chaincode(Protocol):
    """What the server runs: one call per transaction proposal, from several threads at once."""

    def invoke(self, stub: Stub) -> Response:
        """Simulate one transaction."""
        ...
