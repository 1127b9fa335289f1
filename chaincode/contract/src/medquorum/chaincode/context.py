# SPDX-License-Identifier: Apache-2.0
"""One transaction's view of the ledger in terms of documents, and who sent it."""

from __future__ import annotations

import hashlib
from typing import Any, TypeVar

from medquorum.chaincode.node import Node
from medquorum.core import canonical
from medquorum.core.documents.document import Attribute, Document, key_attributes
from medquorum.errors import ContractError
from medquorum.shim import ClientIdentity, PeerError, Stub

__all__ = ["Context", "sha256"]

D = TypeVar("D", bound=Document)


class Context:
    """What a transaction function works with; writing is refused in an evaluate-only transaction."""

    def __init__(self, stub: Stub, node: Node, *, read_only: bool) -> None:
        self.stub = stub
        self.node = node
        self.identity = ClientIdentity(stub.get_creator())
        self._read_only = read_only
        self._read: dict[str, bytes | None] = {}

    @property
    def msp(self) -> str:
        """The organisation that signed the proposal."""
        return self.identity.msp_id

    def key(self, kind: str, *attributes: Attribute) -> str:
        """Make a composite key."""
        return self.stub.create_composite_key(kind, key_attributes(attributes))

    def find(self, kind: type[D], *attributes: Attribute) -> D | None:
        """Read a document, None when its key is absent."""
        raw = self.find_bytes(self.key(kind.kind, *attributes))
        return None if raw is None else kind.decode(raw)

    def find_bytes(self, key: str) -> bytes | None:
        """Read a small value, once: a transaction does not see its own writes, so a second read gives the same."""
        if key not in self._read:
            self._read[key] = self.stub.get_state(key)
        return self._read[key]

    def get(self, kind: type[D], *attributes: Attribute) -> D:
        """Read a document that must exist.

        Raises
        ------
        ContractError
            ``<KIND>_MISSING``.
        """
        document = self.find(kind, *attributes)
        if document is None:
            name = " ".join(str(a) for a in attributes)
            raise ContractError(
                f"{kind.kind.upper()}_MISSING", f"The {kind.kind} {name} does not exist".replace("  ", " ")
            )
        return document

    def list(self, kind: type[D], *attributes: Attribute) -> list[D]:
        """Read all documents whose key begins with the attributes, in key order (a range: phantoms are checked)."""
        entries = self.stub.get_state_by_partial_composite_key(kind.kind, key_attributes(attributes))
        return [kind.decode(entry.value) for entry in entries]

    def list_plain(self, kind: type[Document], *attributes: Attribute) -> tuple[dict[str, Any], ...]:
        """Read the same documents as plain values, as the contract wrote them: half the time of `list`."""
        entries = self.stub.get_state_by_partial_composite_key(kind.kind, key_attributes(attributes))
        return tuple(canonical.decode(entry.value) for entry in entries)

    def put(self, document: Document) -> None:
        """Write a document under its own key."""
        self.put_bytes(self.key(document.kind, *document.attributes), document.encode())

    def put_bytes(self, key: str, value: bytes) -> None:
        """Write raw bytes to public state."""
        self._check_writable()
        self.stub.put_state(key, value)

    def delete(self, kind: type[Document], *attributes: Attribute) -> None:
        """Delete a document; its history stays."""
        self._check_writable()
        self.stub.del_state(self.key(kind.kind, *attributes))

    def put_private(self, collection: str, key: str, value: bytes) -> None:
        """Write raw bytes to a private collection."""
        self._check_writable()
        self.stub.put_private_data(collection, key, value)

    def purge_private(self, collection: str, key: str) -> None:
        """Remove a private value and its history from every peer."""
        self._check_writable()
        self.stub.purge_private_data(collection, key)

    def restrict(self, key: str, policy: bytes) -> None:
        """Set a key's own endorsement policy."""
        self._check_writable()
        self.stub.set_state_validation_parameter(key, policy)

    def private(self, collection: str, key: str) -> bytes | None:
        """Read a private value; None also where this peer has still to fetch what the channel already knows of."""
        try:
            return self.stub.get_private_data(collection, key)
        except PeerError as error:
            if "private data matching public hash version is not available" in error.cause:
                return None
            raise

    def private_hash(self, collection: str, key: str) -> str | None:
        """Read the SHA-256 of a private value, which every peer holds."""
        digest = self.stub.get_private_data_hash(collection, key)
        return None if digest is None else digest.hex()

    def transient(self, name: str) -> bytes:
        """Take a value from the transient map.

        Raises
        ------
        ContractError
            ``BAD_CHUNK`` when it is absent.
        """
        value = self.find_transient(name)
        if value is None:
            raise ContractError("BAD_CHUNK", f"the transient map has no {name!r}", "Send the bytes as transient data")
        return value

    def find_transient(self, name: str) -> bytes | None:
        """Take a value from the transient map, None where it is absent."""
        return self.stub.get_transient().get(name)

    def event(self, name: str, **fields: str | int) -> None:
        """Set the transaction's one event."""
        self._check_writable()
        self.stub.set_event(name, canonical.encode(fields))

    def _check_writable(self) -> None:
        if self._read_only:
            raise ContractError("READ_ONLY", "this transaction only answers questions")


def sha256(data: bytes) -> str:
    """Return the lower-case hex SHA-256."""
    return hashlib.sha256(data).hexdigest()
