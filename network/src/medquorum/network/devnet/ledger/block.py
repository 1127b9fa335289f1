# SPDX-License-Identifier: Apache-2.0
"""Blocks: header hash chain, assembly and the ordering organisations' signatures (``common.Block``)."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from typing import Any

from fabric_protos.common.common_pb2 import (
    Block,
    BlockData,
    BlockHeader,
    BlockMetadata,
    BlockMetadataIndex,
    IdentifierHeader,
    LastConfig,
    Metadata,
    MetadataSignature,
    OrdererBlockMetadata,
    SignatureHeader,
)

from medquorum.core.block_header import header_bytes
from medquorum.network.identity.msp import Signer

__all__ = ["assemble", "data_hash", "sign_header", "validation_codes"]

METADATA_COUNT = 5


def data_hash(data: Sequence[bytes]) -> bytes:
    """Return the SHA-256 of the concatenated envelopes."""
    whole = hashlib.sha256()
    for envelope in data:
        whole.update(envelope)
    return whole.digest()


def assemble(
    number: int,
    previous: bytes,
    envelopes: Sequence[bytes],
    codes: bytes,
    signers: Sequence[Signer],
    *,
    bft: bool = False,
) -> Any:
    """Make a block; ``codes`` is the TRANSACTIONS_FILTER, one validation code per envelope.

    Signed as Raft does, by one orderer with its certificate, with ``bft`` as SmartBFT does, by all with their numbers
    in the configuration; block 0 by nobody.
    """
    header = BlockHeader(number=number, previous_hash=previous, data_hash=data_hash(envelopes))
    value = OrdererBlockMetadata(last_config=LastConfig(index=0)).SerializeToString()
    signing = signers[: 0 if number == 0 else len(signers) if bft else 1]
    signatures = [
        sign_header(header, value, signer, consenter if bft else None)
        for consenter, signer in enumerate(signing, start=1)
    ]
    metadata = [b""] * METADATA_COUNT
    metadata[BlockMetadataIndex.SIGNATURES] = Metadata(value=value, signatures=signatures).SerializeToString()
    metadata[BlockMetadataIndex.TRANSACTIONS_FILTER] = codes
    return Block(header=header, data=BlockData(data=envelopes), metadata=BlockMetadata(metadata=metadata))


def sign_header(header: Any, value: bytes, signer: Signer, consenter: int | None) -> Any:
    """Make one orderer's ``MetadataSignature`` over a block, in Raft's form or, with a number, in SmartBFT's."""
    if consenter is None:
        who = SignatureHeader(creator=signer.serialized, nonce=secrets.token_bytes(24)).SerializeToString()
        return MetadataSignature(signature_header=who, signature=signer.sign(value + who + header_bytes(header)))
    who = IdentifierHeader(identifier=consenter, nonce=secrets.token_bytes(24)).SerializeToString()
    return MetadataSignature(identifier_header=who, signature=signer.sign(value + who + header_bytes(header)))


def validation_codes(block: Any) -> bytes:
    """Return the block's TRANSACTIONS_FILTER."""
    return bytes(block.metadata.metadata[BlockMetadataIndex.TRANSACTIONS_FILTER])
