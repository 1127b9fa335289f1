# SPDX-License-Identifier: Apache-2.0
"""The ordering service's signatures on a block, as Raft and SmartBFT write them.

Signed are the signatures' common value (which names the last configuration block), the signer's header and the block
header's ASN.1 form. In Raft one orderer signs and its signature header holds its certificate; in SmartBFT a quorum does
and each identifier header holds a number, by which the configuration before the block knows a certificate.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from fabric_protos.common.common_pb2 import (
    BlockMetadataIndex,
    IdentifierHeader,
    Metadata,
    OrdererBlockMetadata,
    SignatureHeader,
)

from medquorum.clients.proof.configuration import BFT, Configuration
from medquorum.clients.proof.envelope import REMEDY, read_message
from medquorum.clients.proof.identities.authorities import Authorities
from medquorum.clients.proof.identities.identity import Identity, check_signature
from medquorum.core.block_header import header_bytes
from medquorum.errors import CheckFailed

__all__ = ["bft_quorum", "check_block_signatures", "last_configuration"]


def bft_quorum(nodes: int) -> int:
    """Return how many of the orderers have to sign under SmartBFT: more than half of the nodes and the faulty ones."""
    return -(-(nodes + (nodes - 1) // 3 + 1) // 2)


def last_configuration(block: Any) -> int:
    """Return the number of the configuration block that a block names: its own where it is one.

    Raises
    ------
    CheckFailed
        It names none.
    """
    value = _signatures(block).value
    number = read_message(OrdererBlockMetadata, value, _what(block)).last_config.index
    if number > block.header.number:
        raise CheckFailed(
            f"block {block.header.number} names a later configuration, block {number}", REMEDY, check="block"
        )
    return int(number)


def check_block_signatures(
    block: Any, configuration: Configuration, authorities: Authorities, moment: datetime
) -> None:
    """Check that enough orderers of the configuration before it signed a block, and nobody else.

    Raises
    ------
    CheckFailed
        A signature is not an orderer's, is there twice, or there are too few.
    """
    metadata = _signatures(block)
    header, what = header_bytes(block.header), _what(block)
    is_bft = configuration.consensus == BFT
    signers: list[Identity] = []
    for signature in metadata.signatures:
        signer_header = signature.identifier_header if is_bft else signature.signature_header
        creator = (
            _consenter(signer_header, configuration, what)
            if is_bft
            else read_message(SignatureHeader, signer_header, what).creator
        )
        identity = configuration.identify(creator, ("orderer",), authorities, moment, what)
        check_signature(identity, metadata.value + signer_header + header, signature.signature, what)
        signers.append(identity)
    needed = bft_quorum(len(configuration.consenters)) if is_bft else 1
    if len({signer.certificate for signer in signers}) != len(signers):
        raise CheckFailed(f"{what} is signed twice by one orderer", REMEDY, check="signature")
    if len(signers) < needed:
        names = ", ".join(map(str, signers)) or "no orderer"
        raise CheckFailed(f"{what} is signed by {names}, {needed} have to", REMEDY, check="signature")


def _consenter(header: bytes, configuration: Configuration, what: str) -> bytes:
    number = read_message(IdentifierHeader, header, what).identifier
    if number not in configuration.consenters:
        raise CheckFailed(
            f"{what} is signed by orderer {number}, which the channel's configuration does not have",
            REMEDY,
            check="signature",
        )
    return configuration.consenters[number]


def _signatures(block: Any) -> Any:
    fields = block.metadata.metadata
    raw = fields[BlockMetadataIndex.SIGNATURES] if len(fields) > BlockMetadataIndex.SIGNATURES else b""
    return read_message(Metadata, raw, _what(block))


def _what(block: Any) -> str:
    return f"block {block.header.number}"
