# SPDX-License-Identifier: Apache-2.0
"""The history of a key: the index is in the database, the values are in the blocks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from fabric_protos.common.common_pb2 import ChannelHeader, Envelope, Payload
from fabric_protos.ledger.rwset.kvrwset.kv_rwset_pb2 import KVRWSet
from fabric_protos.ledger.rwset.rwset_pb2 import TxReadWriteSet
from fabric_protos.peer.proposal_pb2 import ChaincodeAction
from fabric_protos.peer.proposal_response_pb2 import ProposalResponsePayload
from fabric_protos.peer.transaction_pb2 import ChaincodeActionPayload, Transaction

from medquorum.network.devnet.ledger.block_file import BlockFiles
from medquorum.network.devnet.ledger.state import State

__all__ = ["Modification", "action_of", "history"]


@dataclass(frozen=True)
class Modification:
    """One version of a key; ``timestamp`` is the message of the transaction's channel header."""

    tx_id: str
    value: bytes = field(repr=False)
    timestamp: Any = field(repr=False)
    is_delete: bool


def history(state: State, files: BlockFiles, namespace: str, key: str) -> Iterator[Modification]:
    """Yield a public key's versions, newest first; each block is read when its turn comes."""
    for number, position in state.history(namespace, key):
        location = state.location(number)
        if location is None:
            continue
        channel, action = action_of(files.read(location).data.data[position])
        for namespace_set in TxReadWriteSet.FromString(action.results).ns_rwset:
            if namespace_set.namespace != namespace:
                continue
            for write in KVRWSet.FromString(namespace_set.rwset).writes:
                if write.key == key:
                    deleted = write.is_delete or not write.value
                    yield Modification(channel.tx_id, bytes(write.value), channel.timestamp, deleted)


def action_of(envelope: bytes) -> tuple[Any, Any]:
    """Return the channel header and the ``ChaincodeAction`` of a committed transaction that is well-formed."""
    payload = Payload.FromString(Envelope.FromString(envelope).payload)
    transaction = Transaction.FromString(payload.data)
    endorsed = ChaincodeActionPayload.FromString(transaction.actions[0].payload).action
    response = ProposalResponsePayload.FromString(endorsed.proposal_response_payload)
    return ChannelHeader.FromString(payload.header.channel_header), ChaincodeAction.FromString(response.extension)
