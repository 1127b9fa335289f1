# SPDX-License-Identifier: Apache-2.0
"""Were the right organisations' peers asked? Key-level, collection-level and chaincode-level endorsement policies."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fabric_protos.ledger.rwset.kvrwset.kv_rwset_pb2 import KVMetadataWrite
from fabric_protos.peer.transaction_pb2 import TxValidationCode

from medquorum.network.devnet.ledger.state import State
from medquorum.network.devnet.ledger.transaction import NamespaceSet, Parsed
from medquorum.network.devnet.policy import policy
from medquorum.network.devnet.policy.definition import Definition
from medquorum.network.identity.msp import Identity, IdentityError, Msps

__all__ = ["VALIDATION_PARAMETER", "EndorsementCheck", "key_policy", "signers"]

VALIDATION_PARAMETER = "VALIDATION_PARAMETER"
Slot = tuple[str, str, bytes]
"""Namespace, collection ("" for public state), and the key's bytes or a private key's hash."""


def key_policy(metadata: bytes) -> bytes:
    """Return the key-level endorsement policy from a key's stored metadata; empty when it has none."""
    for entry in KVMetadataWrite.FromString(metadata).entries:
        if entry.name == VALIDATION_PARAMETER:
            return bytes(entry.value)
    return b""


def signers(transaction: Parsed, msps: Msps) -> list[Identity]:
    """Return the endorsers whose signatures over the response payload hold."""
    endorsers = []
    for endorsement in transaction.endorsements:
        try:
            identity = msps.identity(endorsement.endorser)
            identity.verify(transaction.response_payload + endorsement.endorser, endorsement.signature)
        except IdentityError:
            continue
        endorsers.append(identity)
    return endorsers


@dataclass
class EndorsementCheck:
    """Endorsement policies over one block; transactions come in their order.

    A transaction that touches a key whose policy an earlier, sufficiently endorsed transaction of the block changes is
    refused: the policy in force is not the one it was endorsed under.
    """

    definitions: Mapping[str, Definition]
    peers: Sequence[str]
    state: State
    msps: Msps
    _changed: set[Slot] = field(default_factory=set)

    def code(self, transaction: Parsed) -> int:
        """Return VALID, ENDORSEMENT_POLICY_FAILURE or INVALID_CHAINCODE."""
        identities = signers(transaction, self.msps)
        written = {namespace.name for namespace in transaction.namespaces if namespace.writes} | {transaction.chaincode}
        for name in sorted(written):
            definition = self.definitions.get(name)
            if definition is None:
                return int(TxValidationCode.INVALID_CHAINCODE)
            sets = [namespace for namespace in transaction.namespaces if namespace.name == name]
            if not _NamespaceCheck(self, name, definition, identities).holds(sets):
                return int(TxValidationCode.ENDORSEMENT_POLICY_FAILURE)
        for namespace in transaction.namespaces:
            self._changed.update(slot for slot in _slots(namespace, metadata_only=True))
        return int(TxValidationCode.VALID)

    def changed(self, slot: Slot) -> bool:
        """Return whether the block has already changed a key's policy."""
        return slot in self._changed


class _NamespaceCheck:
    """One transaction in one namespace: every policy is evaluated once."""

    def __init__(
        self, block: EndorsementCheck, name: str, definition: Definition, identities: Sequence[Identity]
    ) -> None:
        self._block = block
        self._name = name
        self._definition = definition
        self._identities = identities
        self._verdicts: dict[str, bool] = {}
        self._key_level = False

    def holds(self, sets: Sequence[NamespaceSet]) -> bool:
        slots = [slot for namespace in sets for slot in _slots(namespace)]
        if not all(self._slot(slot) for slot in slots):
            return False
        return self._key_level or bool(self._verdicts) or self._chaincode()

    def _slot(self, slot: Slot) -> bool:
        if self._block.changed(slot):
            return False
        _, collection, key = slot
        state = self._block.state
        entry = state.hashed(self._name, collection, key) if collection else state.get(self._name, key.decode())
        parameter = key_policy(entry.metadata) if entry else b""
        if not parameter:
            return self._collection(collection) if collection else self._chaincode()
        self._key_level = True
        envelope = policy.read(parameter)
        return envelope is not None and policy.satisfied(envelope, self._identities)

    def _collection(self, name: str) -> bool:
        collection = self._definition.collection(name)
        if collection is None:
            return False
        if collection.endorsement is None:
            return self._chaincode()
        return self._once(f"collection {name}", lambda: collection.endorsement)

    def _chaincode(self) -> bool:
        return self._once("", lambda: self._definition.endorsement(self._block.peers))

    def _once(self, name: str, envelope: Callable[[], Any]) -> bool:
        if name not in self._verdicts:
            self._verdicts[name] = policy.satisfied(envelope(), self._identities)
        return self._verdicts[name]


def _slots(namespace: NamespaceSet, *, metadata_only: bool = False) -> list[Slot]:
    """List what a transaction writes in a namespace, values then metadata, public then private."""
    slots = [] if metadata_only else [(namespace.name, "", w.key.encode()) for w in namespace.public.writes]
    slots += [(namespace.name, "", w.key.encode()) for w in namespace.public.metadata_writes]
    for collection in namespace.collections:
        if not metadata_only:
            slots += [(namespace.name, collection.name, bytes(w.key_hash)) for w in collection.hashed.hashed_writes]
        slots += [(namespace.name, collection.name, bytes(w.key_hash)) for w in collection.hashed.metadata_writes]
    return slots
