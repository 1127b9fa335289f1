# SPDX-License-Identifier: Apache-2.0
"""The private data of a block, as one organisation's peer hands it out."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from fabric_protos.ledger.rwset.kvrwset.kv_rwset_pb2 import KVMetadataWrite, KVRWSet, KVWrite
from fabric_protos.ledger.rwset.rwset_pb2 import CollectionPvtReadWriteSet, NsPvtReadWriteSet, TxPvtReadWriteSet

from medquorum.network.devnet.ledger.ledger import Ledger
from medquorum.network.devnet.ledger.state import State
from medquorum.network.devnet.policy import policy
from medquorum.network.identity.msp import Identity

__all__ = ["private_data"]

WRITES = (
    "SELECT position, namespace, collection, key, value, keeps FROM private_write WHERE block = ? "
    "ORDER BY position, namespace, collection, key"
)


def private_data(ledger: Ledger, number: int, msp_id: str, caller: Identity) -> dict[int, Any]:
    """Return each transaction's ``TxPvtReadWriteSet`` by its position.

    It holds the collections that the organisation has and whose member policy the caller satisfies; what was purged or
    has expired is gone.
    """
    sets: defaultdict[int, dict[str, dict[str, Any]]] = defaultdict(lambda: defaultdict(dict))
    with ledger.store.snapshot() as connection:
        state = State(connection)
        for position, namespace, collection, key, value, keeps in connection.execute(WRITES, (number,)):
            visible = _visible(ledger, namespace, collection, msp_id, caller)
            if not visible or state.missing(msp_id, namespace, collection, (number, position)):
                continue
            write_set = sets[position][namespace].setdefault(collection, KVRWSet())
            if keeps:
                write_set.metadata_writes.append(KVMetadataWrite(key=key.decode()))
            else:
                write_set.writes.append(KVWrite(key=key.decode(), is_delete=value is None, value=value or b""))
    return {position: _message(namespaces) for position, namespaces in sets.items()}


def _visible(ledger: Ledger, namespace: str, collection: str, msp_id: str, caller: Identity) -> bool:
    definition = ledger.definitions.get(namespace)
    config = definition.collection(collection) if definition else None
    if config is None:
        return False
    peer = ledger.members.peers[msp_id]
    return policy.satisfied(config.members, [peer]) and policy.satisfied(config.members, [caller])


def _message(namespaces: dict[str, dict[str, Any]]) -> Any:
    parts = [
        NsPvtReadWriteSet(
            namespace=name,
            collection_pvt_rwset=[
                CollectionPvtReadWriteSet(collection_name=coll, rwset=collection.SerializeToString())
                for coll, collection in collections.items()
            ],
        )
        for name, collections in namespaces.items()
    ]
    return TxPvtReadWriteSet(ns_pvt_rwset=parts)
