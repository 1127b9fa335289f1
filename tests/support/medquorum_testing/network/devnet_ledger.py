# SPDX-License-Identifier: Apache-2.0
"""A devnet ledger in a folder, without servers: three organisations, and transactions made by hand."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fabric_protos.common.common_pb2 import ChannelHeader, Envelope, Header, HeaderType, Payload, SignatureHeader
from fabric_protos.peer.chaincode_pb2 import ChaincodeID
from fabric_protos.peer.proposal_pb2 import ChaincodeAction, ChaincodeHeaderExtension, ChaincodeProposalPayload
from fabric_protos.peer.proposal_response_pb2 import Endorsement, ProposalResponsePayload, Response
from fabric_protos.peer.transaction_pb2 import (
    ChaincodeActionPayload,
    ChaincodeEndorsedAction,
    Transaction,
    TransactionAction,
    TxValidationCode,
)

from medquorum.network.consortium.consortium import Consortium, sample
from medquorum.network.consortium.paths import NetworkFolder
from medquorum.network.devnet.ledger.ledger import Ledger, Members
from medquorum.network.devnet.ledger.transaction import proposal_hash, tx_id
from medquorum.network.devnet.orderer.genesis import genesis_envelope
from medquorum.network.devnet.peer.read_write_set import ReadWriteSet
from medquorum.network.devnet.peer.simulator import Simulator
from medquorum.network.devnet.policy.definition import Definitions
from medquorum.network.identity import crypto
from medquorum.network.identity.msp import Msp, Msps, Signer

CHANNEL, CHAINCODE = "mychannel", "asset"
A, B, C = "VerifierAMSP", "VerifierBMSP", "VerifierCMSP"
COLLECTIONS = [
    {"name": "ab", "policy": f"OR('{A}.member', '{B}.member')", "memberOnlyRead": True, "memberOnlyWrite": True},
    {"name": "brief", "policy": f"OR('{A}.member', '{B}.member')", "blockToLive": 2},
    {
        "name": "own",
        "policy": f"OR('{A}.member')",
        "endorsementPolicy": {"signaturePolicy": f"OR('{A}.peer')"},
    },
]


def make_folder(root: Path) -> tuple[NetworkFolder, Consortium]:
    """Make keys, and deploy the chaincode ``asset`` with any two of three verifiers as its policy."""
    folder, consortium = NetworkFolder(root), sample("small", hospitals=0, port_base=21200)
    crypto.generate(consortium, folder)
    definition = {
        "version": "1.0",
        "sequence": 1,
        "policy": f"OutOf(2, '{A}.peer', '{B}.peer', '{C}.peer')",
        "collections": COLLECTIONS,
        "endpoints": {msp: {"address": "127.0.0.1:1"} for msp in (A, B, C)},
        "package_id": "asset:1",
    }
    folder.devnet.mkdir(parents=True)
    folder.devnet_chaincodes.write_text(json.dumps({CHAINCODE: definition}))
    return folder, consortium


@dataclass
class HandMadeLedger:
    """The ledger with every organisation's keys at hand."""

    folder: NetworkFolder
    consortium: Consortium
    ledger: Ledger = field(init=False)

    def __post_init__(self) -> None:
        self.open()

    def open(self) -> None:
        """Open the ledger, as a process does that starts."""
        folder, consortium = self.folder, self.consortium
        application = [Msp.load(o.msp_id, folder.msp(o)) for o in consortium.organisations]
        ordering = [Msp.load(o.msp_id, folder.msp(o)) for o in consortium.orderers]
        self.msps = Msps([*application, *ordering])
        self.peers = {o.msp_id: Signer.load(o.msp_id, folder.node(o) / "msp") for o in consortium.members}
        self.clients = {
            o.msp_id: Signer.load(o.msp_id, folder.user(o, "User1") / "msp") for o in consortium.organisations
        }
        members = Members(
            frozenset(o.msp_id for o in consortium.organisations),
            {msp: self.msps.identity(peer.serialized) for msp, peer in self.peers.items()},
        )
        orderers = [Signer.load(o.msp_id, folder.node(o) / "msp") for o in consortium.orderers]
        definitions = Definitions(folder.devnet_chaincodes)
        self.ledger = Ledger(folder.devnet, CHANNEL, self.msps, members, definitions, orderers)
        self.ledger.genesis(genesis_envelope(CHANNEL, application, ordering))

    def close(self) -> None:
        self.ledger.close()

    def simulator(self, msp_id: str = A, creator: str = A) -> Simulator:
        return Simulator(self.ledger, msp_id, self.msps.identity(self.clients[creator].serialized))

    def transaction(
        self,
        result: ReadWriteSet,
        endorsers: Sequence[str] = (A, B),
        *,
        creator: str = A,
        nonce: bytes | None = None,
        chaincode: str = CHAINCODE,
    ) -> bytes:
        """Endorse and sign a read-write set; private writes go into the endorsers' transient stores."""
        who, nonce = self.clients[creator], nonce or secrets.token_bytes(24)
        identifier = tx_id(nonce, who.serialized)
        chaincode_id = ChaincodeID(name=chaincode, version="1.0")
        header = Header(
            channel_header=ChannelHeader(
                type=HeaderType.ENDORSER_TRANSACTION,
                channel_id=CHANNEL,
                tx_id=identifier,
                extension=ChaincodeHeaderExtension(chaincode_id=chaincode_id).SerializeToString(),
            ).SerializeToString(),
            signature_header=SignatureHeader(creator=who.serialized, nonce=nonce).SerializeToString(),
        )
        proposal = ChaincodeProposalPayload(input=b"").SerializeToString()
        action = ChaincodeAction(
            results=result.public().SerializeToString(), response=Response(status=200), chaincode_id=chaincode_id
        )
        response = ProposalResponsePayload(
            proposal_hash=proposal_hash(header, proposal), extension=action.SerializeToString()
        ).SerializeToString()
        private = result.private()
        signatures = []
        for msp in endorsers:
            peer = self.peers[msp]
            signatures.append(Endorsement(endorser=peer.serialized, signature=peer.sign(response + peer.serialized)))
            if private is not None:
                self.ledger.transient.keep(identifier, msp, self.ledger.height, private.SerializeToString())
        endorsed = ChaincodeEndorsedAction(proposal_response_payload=response, endorsements=signatures)
        step = TransactionAction(
            header=header.signature_header,
            payload=ChaincodeActionPayload(chaincode_proposal_payload=proposal, action=endorsed).SerializeToString(),
        )
        payload = Payload(header=header, data=Transaction(actions=[step]).SerializeToString()).SerializeToString()
        return bytes(Envelope(payload=payload, signature=who.sign(payload)).SerializeToString())

    def commit(self, *envelopes: bytes) -> list[str]:
        """Commit one block; return the names of the validation codes."""
        _, outcomes = self.ledger.commit(envelopes)
        return [TxValidationCode.Name(code) for _, code in outcomes]

    def put(self, values: Mapping[str, str], endorsers: Sequence[str] = (A, B)) -> list[str]:
        """Write public keys in a block of their own."""
        result = ReadWriteSet()
        for key, value in values.items():
            result.write(CHAINCODE, key, value.encode())
        return self.commit(self.transaction(result, endorsers))

    def get(self, key: str) -> bytes:
        """Read a public key."""
        simulator = self.simulator()
        try:
            return simulator.get(CHAINCODE, "", key)
        finally:
            simulator.close()

    def last_block(self) -> Any:
        return self.ledger.block(self.ledger.height - 1)
