# SPDX-License-Identifier: Apache-2.0
"""Blocks as an auditor checks them: the hash chain, and who endorsed which transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from fabric_protos.common.common_pb2 import BlockMetadataIndex, ChannelHeader, Envelope, HeaderType, Payload
from fabric_protos.ledger.rwset.kvrwset.kv_rwset_pb2 import KVRWSet
from fabric_protos.ledger.rwset.rwset_pb2 import TxReadWriteSet
from fabric_protos.msp.identities_pb2 import SerializedIdentity
from fabric_protos.peer.proposal_pb2 import ChaincodeAction
from fabric_protos.peer.proposal_response_pb2 import ProposalResponsePayload
from fabric_protos.peer.transaction_pb2 import ChaincodeActionPayload, Transaction, TxValidationCode

from medquorum.clients.proof.authorities import Authorities
from medquorum.errors import CheckFailed

__all__ = [
    "BlockTransaction",
    "check_endorsements",
    "check_link",
    "check_valid",
    "header_hash",
    "transactions_of",
    "writes_of",
]


@dataclass(frozen=True)
class BlockTransaction:
    """One transaction of a block with its validation code and the bytes its endorsers signed."""

    id: str
    block: int
    code: str
    signed: bytes
    endorsements: tuple[tuple[bytes, bytes], ...]
    """(endorser, signature) of each."""


def header_hash(header: Any) -> bytes:
    """Give the SHA-256 of a block header's ASN.1 form (SEQUENCE of number, previous hash, data hash)."""
    number = header.number.to_bytes((header.number.bit_length() // 8) + 1, "big")
    body = _der(0x02, number) + _der(0x04, header.previous_hash) + _der(0x04, header.data_hash)
    return hashlib.sha256(_der(0x30, body)).digest()


def check_link(block: Any, previous: bytes | None) -> bytes:
    """Check a block's data hash and, unless ``previous`` is None, that it follows the header with that hash.

    Returns
    -------
    The hash of its own header.

    Raises
    ------
    CheckFailed
        One of the hashes is another one.
    """
    number = block.header.number
    if hashlib.sha256(b"".join(block.data.data)).digest() != block.header.data_hash:
        raise CheckFailed(f"the transactions of block {number} are not those its header names", _REMEDY, check="block")
    if previous is not None and block.header.previous_hash != previous:
        raise CheckFailed(f"block {number} does not follow the block before it", _REMEDY, check="block")
    return header_hash(block.header)


def transactions_of(block: Any) -> Iterator[BlockTransaction]:
    """Yield a block's endorsed transactions, valid or not."""
    codes = block.metadata.metadata[BlockMetadataIndex.TRANSACTIONS_FILTER]
    for index, raw in enumerate(block.data.data):
        payload = Payload.FromString(Envelope.FromString(raw).payload)
        header = ChannelHeader.FromString(payload.header.channel_header)
        if header.type != HeaderType.ENDORSER_TRANSACTION:
            continue
        action = ChaincodeActionPayload.FromString(Transaction.FromString(payload.data).actions[0].payload).action
        yield BlockTransaction(
            header.tx_id,
            block.header.number,
            TxValidationCode.Name(codes[index]),
            action.proposal_response_payload,
            tuple((item.endorser, item.signature) for item in action.endorsements),
        )


def writes_of(transaction: BlockTransaction, chaincode: str) -> dict[str, bytes]:
    """Give the public keys and values that a transaction's endorsers signed for a chaincode; deletions are left out."""
    action = ChaincodeAction.FromString(ProposalResponsePayload.FromString(transaction.signed).extension)
    return {
        write.key: write.value
        for space in TxReadWriteSet.FromString(action.results).ns_rwset
        if space.namespace == chaincode
        for write in KVRWSet.FromString(space.rwset).writes
        if not write.is_delete
    }


def check_endorsements(transaction: BlockTransaction, authorities: Authorities) -> list[str]:
    """Check every endorsement's signature and certificate.

    Returns
    -------
    list of str
        The endorsing organisations' MSP ids, sorted.

    Raises
    ------
    CheckFailed
        A signature is not the endorser's, or a certificate not of the organisation it names.
    """
    endorsers = set()
    for endorser, signature in transaction.endorsements:
        identity = SerializedIdentity.FromString(endorser)
        certificate = x509.load_pem_x509_certificate(identity.id_bytes)
        authorities.check(identity.mspid, certificate)
        key = certificate.public_key()
        try:
            if not isinstance(key, ec.EllipticCurvePublicKey):
                raise InvalidSignature
            key.verify(signature, transaction.signed + endorser, ec.ECDSA(hashes.SHA256()))
        except InvalidSignature as error:
            raise CheckFailed(
                f"an endorsement of transaction {transaction.id} is not signed by {identity.mspid}",
                _REMEDY,
                check="signature",
            ) from error
        endorsers.add(identity.mspid)
    return sorted(endorsers)


def check_valid(
    transaction: BlockTransaction, wrote: str, verifiers: Sequence[str], quorum: int, authorities: Authorities
) -> list[str]:
    """Check that a transaction is valid and that at least ``quorum`` of the verifiers endorsed it.

    Returns
    -------
    list of str
        The endorsing organisations' MSP ids, sorted.

    Raises
    ------
    CheckFailed
        It is not, or a signature or certificate is not right; ``wrote`` says what it is about.
    """
    if transaction.code != "VALID":
        raise CheckFailed(
            f"transaction {transaction.id}, which wrote {wrote}, is {transaction.code}", _REMEDY, check="block"
        )
    endorsers = check_endorsements(transaction, authorities)
    endorsing = sorted(set(endorsers) & set(verifiers))
    if len(endorsing) < quorum:
        raise CheckFailed(
            f"transaction {transaction.id} ({wrote}) is endorsed by {', '.join(endorsing) or 'no verifier'}",
            f"{quorum} verifiers have to endorse it: compare with another organisation's peer",
            check="signature",
        )
    return endorsers


_REMEDY = "Compare with another organisation's peer: this one's ledger is not the channel's"


def _der(tag: int, content: bytes) -> bytes:
    size = len(content)
    length = bytes([size]) if size < 128 else bytes([0x81, size]) if size < 256 else b"\x82" + size.to_bytes(2, "big")
    return bytes([tag]) + length + content
