# SPDX-License-Identifier: Apache-2.0
"""Bends of what a transaction writes, and of its place in the chain."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fabric_protos.common.common_pb2 import BlockMetadataIndex
from fabric_protos.ledger.rwset.kvrwset.kv_rwset_pb2 import KVRWSet
from fabric_protos.ledger.rwset.rwset_pb2 import TxReadWriteSet

from medquorum_testing.chain.bends.bend import Bend, Chain
from medquorum_testing.chain.block_forger import Parts

__all__ = ["DOCUMENTS"]


def _writes(chain: Chain, changed: Callable[[Any], object]) -> None:
    """Change what the target writes for the chaincode; its endorsers sign that."""

    def bend(parts: Parts) -> None:
        results = TxReadWriteSet.FromString(parts.action.results)
        for space in results.ns_rwset:
            if space.namespace == parts.action.chaincode_id.name:
                public = KVRWSet.FromString(space.rwset)
                changed(public)
                space.rwset = public.SerializeToString()
        parts.action.results = results.SerializeToString()

    chain.change(bend)


def _value(public: Any) -> None:
    for write in public.writes:
        write.value += b" "


def _deleted(public: Any) -> None:
    for write in public.writes:
        write.is_delete, write.value = True, b""


def _key_twice(public: Any) -> None:
    public.writes.append(public.writes[0])


def _no_writes(public: Any) -> None:
    del public.writes[:]


def _twice_in_chain(chain: Chain) -> None:
    chain.blocks[chain.number + 1].data.data.append(chain.raw)
    _codes_of(chain.blocks[chain.number + 1])


def _codes_of(block: Any) -> None:
    block.metadata.metadata[BlockMetadataIndex.TRANSACTIONS_FILTER] = bytes(len(block.data.data))


def _left_out(chain: Chain) -> None:
    """The block keeps its place, and holds another transaction in the target's."""
    chain.raw = bytes(chain.blocks[1].data.data[0])


DOCUMENTS = [
    Bend("another value", "is not what transaction .* wrote", lambda c: _writes(c, _value)),
    Bend("a deletion", "is not what transaction .* wrote", lambda c: _writes(c, _deleted)),
    Bend("no write", "is not what transaction .* wrote", lambda c: _writes(c, _no_writes)),
    Bend("a key written twice", "writes a key twice", lambda c: _writes(c, _key_twice)),
    Bend("a transaction twice", "is in the chain twice", _twice_in_chain),
    Bend("a transaction left out", "is not in the block its peer names", _left_out),
]
