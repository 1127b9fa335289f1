# SPDX-License-Identifier: Apache-2.0
"""A forger who holds every key of a test network: takes blocks and transactions apart, and signs them anew."""

from __future__ import annotations

import datetime
import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from fabric_protos.common.common_pb2 import (
    Block,
    BlockMetadataIndex,
    ChannelHeader,
    Envelope,
    Header,
    Metadata,
    Payload,
    SignatureHeader,
)
from fabric_protos.msp.identities_pb2 import SerializedIdentity
from fabric_protos.peer.proposal_pb2 import ChaincodeAction
from fabric_protos.peer.proposal_response_pb2 import Endorsement, ProposalResponsePayload
from fabric_protos.peer.transaction_pb2 import (
    ChaincodeActionPayload,
    ChaincodeEndorsedAction,
    Transaction,
    TransactionAction,
)

from medquorum.core.block_header import header_hash
from medquorum.network.consortium.consortium import AnyOrganisation, Consortium
from medquorum.network.consortium.paths import NetworkFolder
from medquorum.network.devnet.ledger.block import data_hash, sign_header
from medquorum.network.devnet.ledger.transaction import proposal_hash, tx_id
from medquorum.network.identity import crypto
from medquorum.network.identity.authority import Authority, Validity, new_authority
from medquorum.network.identity.msp import Signer

__all__ = ["FUTURE", "PAST", "Keys", "Parts", "copied", "digest", "issued", "reseal", "sign"]

NOW = datetime.datetime.now(datetime.UTC)
PAST = Validity(NOW - datetime.timedelta(days=800), NOW - datetime.timedelta(days=400))
FUTURE = Validity(NOW + datetime.timedelta(days=400), NOW + datetime.timedelta(days=800))


@dataclass(frozen=True)
class Keys:
    """Every organisation's keys, and certificates made to order."""

    folder: NetworkFolder
    consortium: Consortium

    def organisation(self, msp: str) -> AnyOrganisation:
        return next(one for one in self.consortium.everyone if one.msp_id == msp)

    def user(self, msp: str, name: str = "User1") -> Signer:
        return Signer.load(msp, self.folder.user(self.organisation(msp), name) / "msp")

    def node(self, msp: str) -> Signer:
        return Signer.load(msp, self.folder.node(self.organisation(msp)) / "msp")

    @cached_property
    def orderers(self) -> list[Signer]:
        return [self.node(one.msp_id) for one in self.consortium.orderers]

    def authority(self, msp: str, validity: Validity | None = None) -> Authority:
        return crypto.load_authority(self.folder, self.organisation(msp), "ca", validity)

    def issue(self, msp: str, unit: str | None, validity: Validity | None = None) -> Signer:
        """Have an organisation's authority issue a certificate."""
        return issued(msp, self.authority(msp, validity), unit)

    def stranger(self, msp: str, unit: str) -> Signer:
        """Make a certificate that an authority of one's own issued in the organisation's name."""
        return issued(msp, new_authority("ca", self.organisation(msp).domain, Validity.years(1)), unit)

    def revocation(self, msp: str, serialized: bytes) -> x509.CertificateRevocationList:
        """Have an organisation's authority revoke a certificate, long ago."""
        pem = SerializedIdentity.FromString(serialized).id_bytes
        authority = self.authority(msp)
        entry = x509.RevokedCertificateBuilder().serial_number(x509.load_pem_x509_certificate(pem).serial_number)
        return (
            x509.CertificateRevocationListBuilder()
            .issuer_name(authority.certificate.subject)
            .last_update(NOW)
            .next_update(NOW + datetime.timedelta(days=1))
            .add_revoked_certificate(entry.revocation_date(NOW - datetime.timedelta(days=30)).build())
            .sign(authority.key, hashes.SHA256())
        )


def issued(msp: str, authority: Authority, unit: str | None) -> Signer:
    """Have an authority issue a certificate in an organisation's name."""
    key, certificate = authority.issue("forged", unit)
    return Signer(msp, certificate.public_bytes(serialization.Encoding.PEM), key)


class Parts:
    """A transaction taken apart; change it, then ``seal`` signs it anew."""

    def __init__(self, raw: bytes, keys: Keys) -> None:
        payload = Payload.FromString(Envelope.FromString(raw).payload)
        self.channel = ChannelHeader.FromString(payload.header.channel_header)
        self.author = SignatureHeader.FromString(payload.header.signature_header)
        (step,) = Transaction.FromString(payload.data).actions
        action = ChaincodeActionPayload.FromString(step.payload)
        self.proposal = action.chaincode_proposal_payload
        self.response = ProposalResponsePayload.FromString(action.action.proposal_response_payload)
        self.action = ChaincodeAction.FromString(self.response.extension)
        endorsers = [SerializedIdentity.FromString(one.endorser).mspid for one in action.action.endorsements]
        self.endorsers: list[Signer] = [keys.node(msp) for msp in endorsers]
        self.creator = _owner(self.author.creator, keys)
        self.actions = 1
        self.inner: bytes | None = None
        """The action's own signature header, where it is another one."""
        self.proposed: Any = None
        """The channel header that was endorsed, where it is another one."""
        self.endorse: Any = None
        """Makes an endorser's signature of its bytes, where not the endorser does."""

    @property
    def id(self) -> str:
        return str(self.channel.tx_id)

    def by(self, creator: Signer) -> None:
        """Take another author: the id changes with it."""
        self.creator = creator
        self.author.creator = creator.serialized
        self.channel.tx_id = tx_id(self.author.nonce, creator.serialized)

    def seal(self) -> bytes:
        header = Header(
            channel_header=self.channel.SerializeToString(), signature_header=self.author.SerializeToString()
        )
        proposed = Header(
            channel_header=(self.proposed or self.channel).SerializeToString(), signature_header=header.signature_header
        )
        self.response.proposal_hash = proposal_hash(proposed, self.proposal)
        self.response.extension = self.action.SerializeToString()
        response = self.response.SerializeToString()
        signatures = []
        for one in self.endorsers:
            signed = response + one.serialized
            signature = one.sign(signed) if self.endorse is None else self.endorse(one, signed)
            signatures.append(Endorsement(endorser=one.serialized, signature=signature))
        endorsed = ChaincodeEndorsedAction(proposal_response_payload=response, endorsements=signatures)
        step = TransactionAction(
            header=self.inner or header.signature_header,
            payload=ChaincodeActionPayload(
                chaincode_proposal_payload=self.proposal, action=endorsed
            ).SerializeToString(),
        )
        data = Transaction(actions=[step] * self.actions).SerializeToString()
        payload = Payload(header=header, data=data).SerializeToString()
        return bytes(Envelope(payload=payload, signature=self.creator.sign(payload)).SerializeToString())


def _owner(serialized: bytes, keys: Keys) -> Signer:
    msp = SerializedIdentity.FromString(serialized).mspid
    known = (keys.user(msp, name) for name in ("User1", "Admin"))
    return next(one for one in known if one.serialized.strip() == serialized.strip())


def reseal(blocks: list[Any], keys: Keys) -> None:
    """Make the hashes and the orderers' signatures fit again."""
    bft = keys.consortium.consensus == "BFT"
    for number, block in enumerate(blocks):
        block.header.data_hash = data_hash(block.data.data)
        if number:
            block.header.previous_hash = header_hash(blocks[number - 1].header)
            sign(block, keys.orderers if bft else keys.orderers[:1], bft=bft)


def sign(block: Any, signers: list[Signer], *, bft: bool, first: int = 1) -> None:
    """Replace the orderers' signatures on a block; with ``bft`` the signers are numbered from ``first``."""
    fields = block.metadata.metadata
    metadata = Metadata.FromString(fields[BlockMetadataIndex.SIGNATURES])
    del metadata.signatures[:]
    for number, one in enumerate(signers, start=first):
        metadata.signatures.append(sign_header(block.header, metadata.value, one, number if bft else None))
    fields[BlockMetadataIndex.SIGNATURES] = metadata.SerializeToString()


def copied(blocks: list[Any]) -> list[Any]:
    """Copy blocks deeply."""
    return [Block.FromString(block.SerializeToString()) for block in blocks]


def digest(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()
