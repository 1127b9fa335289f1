# SPDX-License-Identifier: Apache-2.0
"""An ordered envelope, taken apart and checked for form as a committing peer does (before any policy)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

from fabric_protos.common.common_pb2 import ChannelHeader, Envelope, Header, HeaderType, Payload, SignatureHeader
from fabric_protos.ledger.rwset.kvrwset.kv_rwset_pb2 import HashedRWSet, KVRWSet
from fabric_protos.ledger.rwset.rwset_pb2 import TxReadWriteSet
from fabric_protos.peer.chaincode_event_pb2 import ChaincodeEvent
from fabric_protos.peer.proposal_pb2 import ChaincodeAction, ChaincodeHeaderExtension
from fabric_protos.peer.proposal_response_pb2 import ProposalResponsePayload
from fabric_protos.peer.transaction_pb2 import ChaincodeActionPayload, Transaction, TxValidationCode
from google.protobuf.message import DecodeError

from medquorum.network.identity.msp import IdentityError, Msps

__all__ = ["CollectionSet", "Malformed", "NamespaceSet", "Parsed", "channel_header", "parse", "proposal_hash", "tx_id"]


class Malformed(Exception):
    """The envelope is not a well-formed, signed transaction; ``code`` is Fabric's validation code."""

    def __init__(self, code: int, cause: str) -> None:
        super().__init__(cause)
        self.code = code


@dataclass(frozen=True)
class CollectionSet:
    """Hashed reads and writes of one collection."""

    name: str
    hashed: Any = field(repr=False)
    private_hash: bytes


@dataclass(frozen=True)
class NamespaceSet:
    """Reads and writes in one chaincode's namespace."""

    name: str
    public: Any = field(repr=False)
    collections: tuple[CollectionSet, ...]

    @property
    def writes(self) -> bool:
        """Whether anything is written here."""
        if self.public.writes or self.public.metadata_writes:
            return True
        return any(c.hashed.hashed_writes or c.hashed.metadata_writes for c in self.collections)


@dataclass(frozen=True)
class Parsed:
    """A well-formed transaction."""

    channel: Any = field(repr=False)
    chaincode: str
    version: str
    namespaces: tuple[NamespaceSet, ...]
    response_payload: bytes = field(repr=False)
    endorsements: tuple[Any, ...] = field(repr=False)
    event: Any | None = field(repr=False)

    @property
    def tx_id(self) -> str:
        """The transaction id."""
        return str(self.channel.tx_id)


def tx_id(nonce: bytes, creator: bytes) -> str:
    """Compute a transaction id."""
    return hashlib.sha256(nonce + creator).hexdigest()


def proposal_hash(header: Any, payload: bytes) -> bytes:
    """Hash a proposal without its transient data: channel header, signature header, payload."""
    return hashlib.sha256(header.channel_header + header.signature_header + payload).digest()


def channel_header(envelope: bytes) -> Any | None:
    """Read an envelope's channel header; None when it has none."""
    try:
        return ChannelHeader.FromString(Payload.FromString(Envelope.FromString(envelope).payload).header.channel_header)
    except DecodeError:
        return None


def parse(data: bytes, channel_id: str, msps: Msps) -> Parsed:
    """Take an envelope apart and check form, creator, signature, transaction id and proposal hash.

    Raises
    ------
    Malformed
        With the validation code a peer gives.
    """
    envelope = _read(Envelope, data, TxValidationCode.INVALID_OTHER_REASON)
    payload = _read(Payload, envelope.payload, TxValidationCode.BAD_PAYLOAD)
    channel, signature = _headers(payload)
    if channel.channel_id != channel_id:
        raise Malformed(TxValidationCode.TARGET_CHAIN_NOT_FOUND, f"channel {channel.channel_id}")
    try:
        msps.authenticate(signature.creator, envelope.payload, envelope.signature)
    except IdentityError as error:
        raise Malformed(TxValidationCode.BAD_CREATOR_SIGNATURE, str(error)) from error
    if channel.type != HeaderType.ENDORSER_TRANSACTION:
        raise Malformed(TxValidationCode.UNSUPPORTED_TX_PAYLOAD, f"header type {channel.type}")
    if channel.tx_id != tx_id(signature.nonce, signature.creator):
        raise Malformed(TxValidationCode.BAD_PROPOSAL_TXID, "the transaction id is not that of creator and nonce")
    return _transaction(payload, channel)


def _headers(payload: Any) -> tuple[Any, Any]:
    code = TxValidationCode.BAD_COMMON_HEADER
    channel = _read(ChannelHeader, payload.header.channel_header, code)
    signature = _read(SignatureHeader, payload.header.signature_header, code)
    known = (HeaderType.ENDORSER_TRANSACTION, HeaderType.CONFIG_UPDATE, HeaderType.CONFIG)
    if channel.type not in known or channel.epoch != 0 or not signature.nonce or not signature.creator:
        raise Malformed(code, "invalid header")
    return channel, signature


def _transaction(payload: Any, channel: Any) -> Parsed:
    code = TxValidationCode.INVALID_ENDORSER_TRANSACTION
    transaction = _read(Transaction, payload.data, code)
    if len(transaction.actions) != 1:
        raise Malformed(code, "only one action per transaction is supported")
    step = transaction.actions[0]
    inner = _read(SignatureHeader, step.header, code)
    if not inner.nonce or not inner.creator:
        raise Malformed(code, "invalid signature header in the action")
    action = _read(ChaincodeActionPayload, step.payload, code)
    response = _read(ProposalResponsePayload, action.action.proposal_response_payload, code)
    header = Header(channel_header=payload.header.channel_header, signature_header=step.header)
    if response.proposal_hash != proposal_hash(header, action.chaincode_proposal_payload):
        raise Malformed(code, "proposal hash does not match")
    extension = _read(ChaincodeHeaderExtension, channel.extension, TxValidationCode.BAD_HEADER_EXTENSION)
    result = _read(ChaincodeAction, response.extension, TxValidationCode.BAD_RESPONSE_PAYLOAD)
    namespaces = _namespaces(result.results)
    _check_names(extension, result)
    return Parsed(
        channel=channel,
        chaincode=result.chaincode_id.name,
        version=result.chaincode_id.version,
        namespaces=namespaces,
        response_payload=bytes(action.action.proposal_response_payload),
        endorsements=tuple(action.action.endorsements),
        event=_event(result),
    )


def _check_names(extension: Any, result: Any) -> None:
    if not extension.HasField("chaincode_id") or not result.HasField("chaincode_id"):
        raise Malformed(TxValidationCode.INVALID_OTHER_REASON, "no chaincode id")
    name = extension.chaincode_id.name
    if not name or name != result.chaincode_id.name or not result.chaincode_id.version:
        raise Malformed(TxValidationCode.INVALID_CHAINCODE, "inconsistent chaincode id")


def _event(result: Any) -> Any | None:
    if not result.events:
        return None
    event = _read(ChaincodeEvent, result.events, TxValidationCode.INVALID_OTHER_REASON)
    if event.chaincode_id != result.chaincode_id.name:
        raise Malformed(TxValidationCode.INVALID_OTHER_REASON, "an event of another chaincode")
    return event


def _namespaces(results: bytes) -> tuple[NamespaceSet, ...]:
    code = TxValidationCode.BAD_RWSET
    sets = []
    for namespace in _read(TxReadWriteSet, results, code).ns_rwset:
        collections = tuple(
            CollectionSet(c.collection_name, _read(HashedRWSet, c.hashed_rwset, code), bytes(c.pvt_rwset_hash))
            for c in namespace.collection_hashed_rwset
        )
        sets.append(NamespaceSet(namespace.namespace, _read(KVRWSet, namespace.rwset, code), collections))
    if len({namespace.name for namespace in sets}) != len(sets):
        raise Malformed(TxValidationCode.ILLEGAL_WRITESET, "duplicate namespace in the read-write set")
    return tuple(sets)


def _read(kind: Any, data: bytes, code: int) -> Any:
    try:
        return kind.FromString(data)
    except DecodeError as error:
        raise Malformed(code, f"not a {kind.__name__}") from error
