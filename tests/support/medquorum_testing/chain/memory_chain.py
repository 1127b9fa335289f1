# SPDX-License-Identifier: Apache-2.0
"""A channel's chain made in memory: three verifiers, a hospital, orderers, and documents that k verifiers endorse."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from fabric_protos.common.common_pb2 import (
    BlockMetadataIndex,
    ChannelHeader,
    Envelope,
    Header,
    HeaderType,
    Metadata,
    OrdererBlockMetadata,
    Payload,
    SignatureHeader,
)
from fabric_protos.common.configtx_pb2 import ConfigEnvelope
from fabric_protos.ledger.rwset.kvrwset.kv_rwset_pb2 import KVRWSet, KVWrite
from fabric_protos.ledger.rwset.rwset_pb2 import NsReadWriteSet, TxReadWriteSet
from fabric_protos.peer.chaincode_pb2 import ChaincodeID, ChaincodeInvocationSpec, ChaincodeSpec
from fabric_protos.peer.proposal_pb2 import ChaincodeAction, ChaincodeHeaderExtension, ChaincodeProposalPayload
from fabric_protos.peer.proposal_response_pb2 import Endorsement, ProposalResponsePayload, Response
from fabric_protos.peer.transaction_pb2 import (
    ChaincodeActionPayload,
    ChaincodeEndorsedAction,
    Transaction,
    TransactionAction,
)
from google.protobuf.timestamp_pb2 import Timestamp

from medquorum.clients.proof.blocks.walk import Trust
from medquorum.clients.proof.identities.authorities import Authorities
from medquorum.core.block_header import header_hash
from medquorum.network.devnet.ledger.block import assemble
from medquorum.network.devnet.ledger.transaction import proposal_hash, tx_id
from medquorum.network.devnet.orderer.genesis import genesis_envelope
from medquorum.network.identity.authority import Validity, new_authority
from medquorum.network.identity.msp import Msp, Signer
from medquorum_testing.chain.block_forger import issued, sign

__all__ = ["CHAINCODE", "CHANNEL", "VERIFIERS", "MemoryChain", "Organisation"]

CHANNEL, CHAINCODE = "mychannel", "medquorum"
VERIFIERS = ("VerifierAMSP", "VerifierBMSP", "VerifierCMSP")


class Organisation:
    """An organisation with its authority, a peer or an orderer, a client and an administrator."""

    def __init__(self, msp: str) -> None:
        self.authority = new_authority("ca", msp.lower(), Validity.years(5))
        self.msp = Msp(msp, (self.authority.certificate,))
        self.peer, self.client, self.admin, self.orderer = (
            issued(msp, self.authority, unit) for unit in ("peer", "client", "admin", "orderer")
        )


class MemoryChain:
    """Blocks that grow as the test says; as a network it is one peer's answers."""

    def __init__(self, *, bft: bool = False) -> None:
        self.bft = bft
        self.members = {msp: Organisation(msp) for msp in (*VERIFIERS, "Hospital1MSP")}
        self.ordering = [Organisation(f"Orderer{number}MSP") for number in range(1, 5 if bft else 2)]
        self.orderers = [one.orderer for one in self.ordering]
        application = [one.msp for one in self.members.values()]
        consenters = self.orderers if bft else ()
        genesis = genesis_envelope(CHANNEL, application, [one.msp for one in self.ordering], consenters)
        self.blocks: list[Any] = []
        self.last_config = self.sequence = self.reads = 0
        self.append(genesis)

    @property
    def trust(self) -> Trust:
        roots = {one.msp.msp_id: list(one.msp.authorities) for one in self.members.values()}
        return Trust(CHANNEL, CHAINCODE, Authorities(roots), header_hash(self.blocks[0].header))

    def append(self, *entries: bytes, codes: bytes | None = None) -> int:
        """Order entries as the next block; return its number."""
        number = len(self.blocks)
        previous = header_hash(self.blocks[-1].header) if number else b""
        block = assemble(number, previous, entries, codes or bytes(len(entries)), self.orderers, bft=self.bft)
        if number:
            value = OrdererBlockMetadata.FromString(_signatures(block).value)
            value.last_config.index = self.last_config
            signed = Metadata(value=value.SerializeToString()).SerializeToString()
            block.metadata.metadata[BlockMetadataIndex.SIGNATURES] = signed
            sign(block, self.orderers if self.bft else self.orderers[:1], bft=self.bft)
        self.blocks.append(block)
        return number

    def write(self, key: str, value: bytes, *, at: float | None = None) -> str:
        """Order a transaction that writes a key; return its id."""
        raw, identifier = self.transaction(key, value, at=at)
        self.append(raw)
        return identifier

    def transaction(self, key: str, value: bytes, *, at: float | None = None) -> tuple[bytes, str]:
        """Have a transaction of a time endorsed by two verifiers, and signed; return it with its id."""
        who, nonce = self.members["Hospital1MSP"].client, secrets.token_bytes(24)
        identifier, chaincode = tx_id(nonce, who.serialized), ChaincodeID(name=CHAINCODE, version="1.0")
        extension = ChaincodeHeaderExtension(chaincode_id=chaincode).SerializeToString()
        header = Header(
            channel_header=_channel_header(
                HeaderType.ENDORSER_TRANSACTION, at, tx_id=identifier, extension=extension
            ).SerializeToString(),
            signature_header=SignatureHeader(creator=who.serialized, nonce=nonce).SerializeToString(),
        )
        call = ChaincodeInvocationSpec(chaincode_spec=ChaincodeSpec(chaincode_id=chaincode))
        proposal = ChaincodeProposalPayload(input=call.SerializeToString()).SerializeToString()
        public = KVRWSet(writes=[KVWrite(key=key, value=value)]).SerializeToString()
        results = TxReadWriteSet(ns_rwset=[NsReadWriteSet(namespace=CHAINCODE, rwset=public)]).SerializeToString()
        action = ChaincodeAction(results=results, response=Response(status=200), chaincode_id=chaincode)
        response = ProposalResponsePayload(
            proposal_hash=proposal_hash(header, proposal), extension=action.SerializeToString()
        ).SerializeToString()
        peers = [self.members[msp].peer for msp in VERIFIERS[:2]]
        endorsed = ChaincodeEndorsedAction(
            proposal_response_payload=response,
            endorsements=[
                Endorsement(endorser=one.serialized, signature=one.sign(response + one.serialized)) for one in peers
            ],
        )
        step = TransactionAction(
            header=header.signature_header,
            payload=ChaincodeActionPayload(chaincode_proposal_payload=proposal, action=endorsed).SerializeToString(),
        )
        return _envelope(Payload(header=header, data=Transaction(actions=[step]).SerializeToString()), who), identifier

    def configure(self, changed: Any, *, author: Signer | None = None) -> int:
        """Order a change of the latest configuration; return its block."""
        latest = Payload.FromString(Envelope.FromString(self.blocks[self.last_config].data.data[0]).payload)
        config = ConfigEnvelope.FromString(latest.data)
        self.sequence += 1
        config.config.sequence = self.sequence
        changed(config.config.channel_group)
        self.last_config = len(self.blocks)
        who = author or self.orderers[0]
        signature = SignatureHeader(creator=who.serialized, nonce=b"nonce").SerializeToString()
        header = Header(
            channel_header=_channel_header(HeaderType.CONFIG, None).SerializeToString(), signature_header=signature
        )
        return self.append(_envelope(Payload(header=header, data=config.SerializeToString()), who))

    @contextmanager
    def block_events(self, *, start_block: int, timeout: float) -> Iterator[Iterator[Any]]:
        yield self._read(start_block)

    def _read(self, start: int) -> Iterator[Any]:
        for block in self.blocks[start:]:
            self.reads += 1
            yield block

    def new_commit(self, transaction: str) -> Any:
        for number, block in enumerate(self.blocks):
            for raw in block.data.data:
                header = Payload.FromString(Envelope.FromString(raw).payload).header
                if ChannelHeader.FromString(header.channel_header).tx_id == transaction:
                    return _Outcome(number)
        raise LookupError(transaction)


@dataclass(frozen=True)
class _Outcome:
    block_number: int

    def status(self, timeout: float) -> _Outcome:
        return self


def _channel_header(kind: int, at: float | None, **fields: Any) -> Any:
    stated = Timestamp(seconds=int(time.time() if at is None else at))
    return ChannelHeader(type=kind, channel_id=CHANNEL, timestamp=stated, **fields)


def _envelope(payload: Any, who: Signer) -> bytes:
    raw = payload.SerializeToString()
    return bytes(Envelope(payload=raw, signature=who.sign(raw)).SerializeToString())


def _signatures(block: Any) -> Any:
    return Metadata.FromString(block.metadata.metadata[BlockMetadataIndex.SIGNATURES])
