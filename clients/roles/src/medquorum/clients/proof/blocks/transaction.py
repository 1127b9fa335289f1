# SPDX-License-Identifier: Apache-2.0
"""One transaction of a block, bound to what it says it is: channel, author, id, chaincode, proposal and result."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from fabric_protos.common.common_pb2 import HeaderType
from fabric_protos.ledger.rwset.kvrwset.kv_rwset_pb2 import KVRWSet
from fabric_protos.ledger.rwset.rwset_pb2 import TxReadWriteSet
from fabric_protos.peer.chaincode_pb2 import ChaincodeInvocationSpec
from fabric_protos.peer.proposal_pb2 import ChaincodeAction, ChaincodeHeaderExtension, ChaincodeProposalPayload
from fabric_protos.peer.proposal_response_pb2 import ProposalResponsePayload
from fabric_protos.peer.transaction_pb2 import ChaincodeActionPayload, Transaction

from medquorum.clients.proof.configuration import Configuration
from medquorum.clients.proof.envelope import REMEDY, Entry, read_message
from medquorum.clients.proof.identities.authorities import Authorities
from medquorum.clients.proof.identities.identity import check_signature
from medquorum.errors import CheckFailed

__all__ = ["AUTHORS", "BlockTransaction", "Result", "check_author", "read_result", "transaction_id"]

AUTHORS = ("client", "admin")
"""Roles that may send a transaction: the channel's Writers."""


@dataclass(frozen=True)
class BlockTransaction:
    """An endorser transaction as its block has it, and the validation code the peer gives; nothing else is checked."""

    block: int
    code: str
    entry: Entry = field(repr=False)

    @property
    def id(self) -> str:
        """The id that the transaction states."""
        return str(self.entry.channel_header.tx_id)


@dataclass(frozen=True)
class Result:
    """What a transaction's endorsers signed, and the keys it writes for the chaincode; None where it deletes one."""

    transaction: str
    signed: bytes = field(repr=False)
    endorsements: tuple[tuple[bytes, bytes], ...] = field(repr=False)
    """(endorser, signature) of each."""
    writes: dict[str, bytes | None] = field(repr=False)


def transaction_id(nonce: bytes, creator: bytes) -> str:
    """Return the id of what a creator sends with a nonce."""
    return hashlib.sha256(nonce + creator).hexdigest()


def check_author(
    entry: Entry,
    roles: tuple[str, ...],
    configuration: Configuration,
    authorities: Authorities,
    moment: datetime,
    what: str,
) -> None:
    """Check that who an entry names as its author signed its payload, and may.

    Raises
    ------
    CheckFailed
        The signature is another one, or the author's certificate or role does not do.
    """
    author = configuration.identify(entry.author.creator, roles, authorities, moment, what)
    check_signature(author, entry.payload, entry.signature, what)


def read_result(transaction: BlockTransaction, chaincode: str) -> Result:
    """Return what the endorsers of a chaincode's transaction signed, once it is shown to be of this very transaction.

    Raises
    ------
    CheckFailed
        A part cannot be read or is another transaction's: the id is not that of nonce and creator, there is not exactly
        one action of the same author, the proposal's hash or the chaincode is another one.
    """
    entry, what = transaction.entry, f"transaction {transaction.id}"
    if entry.more:
        raise CheckFailed(f"{what} is more than a payload and a signature", REMEDY, check="block")
    if transaction.id != transaction_id(entry.author.nonce, entry.author.creator):
        raise CheckFailed(f"{what} has not the id of its nonce and author", REMEDY, check="block")
    actions = read_message(Transaction, entry.data, what).actions
    if entry.channel_header.type != HeaderType.ENDORSER_TRANSACTION or len(actions) != 1:
        raise CheckFailed(f"{what} has {len(actions)} actions, not one", REMEDY, check="block")
    if actions[0].header != entry.header.signature_header:
        raise CheckFailed(f"the action of {what} is by another author", REMEDY, check="signature")
    step = read_message(ChaincodeActionPayload, actions[0].payload, what)
    signed = step.action.proposal_response_payload
    response = read_message(ProposalResponsePayload, signed, what)
    if response.proposal_hash != _proposal_hash(entry, step):
        raise CheckFailed(
            f"{what} was endorsed for another proposal (its channel, author, chaincode or arguments differ)",
            REMEDY,
            check="signature",
        )
    action = read_message(ChaincodeAction, response.extension, what)
    if {*_chaincodes(entry, step, what), action.chaincode_id.name} != {chaincode} or action.response.status != 200:
        raise CheckFailed(f"{what} is not a success of the chaincode {chaincode}", REMEDY, check="signature")
    endorsements = tuple(
        (bytes(endorsement.endorser), bytes(endorsement.signature)) for endorsement in step.action.endorsements
    )
    return Result(transaction.id, signed, endorsements, _writes(action.results, chaincode, what))


def _proposal_hash(entry: Entry, step: Any) -> bytes:
    headers = entry.header.channel_header + entry.header.signature_header
    return hashlib.sha256(headers + step.chaincode_proposal_payload).digest()


def _chaincodes(entry: Entry, step: Any, what: str) -> tuple[str, str]:
    """Return the chaincode that the header names, and the one that the proposal calls."""
    extension = read_message(ChaincodeHeaderExtension, entry.channel_header.extension, what)
    proposal = read_message(ChaincodeProposalPayload, step.chaincode_proposal_payload, what)
    called = read_message(ChaincodeInvocationSpec, proposal.input, what).chaincode_spec
    return extension.chaincode_id.name, called.chaincode_id.name


def _writes(results: bytes, chaincode: str, what: str) -> dict[str, bytes | None]:
    spaces = [
        namespace
        for namespace in read_message(TxReadWriteSet, results, what).ns_rwset
        if namespace.namespace == chaincode
    ]
    writes = [write for namespace in spaces for write in read_message(KVRWSet, namespace.rwset, what).writes]
    written = {write.key: None if write.is_delete else bytes(write.value) for write in writes}
    if len(spaces) > 1 or len(written) != len(writes):
        raise CheckFailed(f"{what} writes a key twice", REMEDY, check="block")
    return written
