# SPDX-License-Identifier: Apache-2.0
"""What is kept of one block: its transactions, who signed them, and the documents they wrote in the open.

Only public writes are in a block: of private values it has hashes, and these are not kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from fabric_protos.common.common_pb2 import HeaderType
from fabric_protos.peer.chaincode_pb2 import ChaincodeInvocationSpec
from fabric_protos.peer.proposal_pb2 import ChaincodeAction, ChaincodeProposalPayload
from fabric_protos.peer.proposal_response_pb2 import ProposalResponsePayload
from fabric_protos.peer.transaction_pb2 import ChaincodeActionPayload, Transaction, TxValidationCode
from google.protobuf.message import DecodeError

from medquorum.clients.proof.blocks.transaction import BlockTransaction, read_result
from medquorum.clients.proof.configuration import is_configuration, time_of
from medquorum.clients.proof.envelope import Entry, read_entry, read_genesis_entry
from medquorum.clients.proof.identities.identity import Identity, read_identity
from medquorum.clients.proof.identities.msp import ROLES
from medquorum.clients.runtime.session import CHAINCODE
from medquorum.core.documents.aggregation.aggregate import Aggregate
from medquorum.core.documents.aggregation.masks import Masks
from medquorum.core.documents.attestation import Attestation
from medquorum.core.documents.conclusion import Conclusion
from medquorum.core.documents.consortium import Consortium
from medquorum.core.documents.document import Document
from medquorum.core.documents.model import Model
from medquorum.core.documents.root import Root, RootAttestation
from medquorum.core.documents.round import Round
from medquorum.core.documents.task import Task
from medquorum.core.documents.update import Update
from medquorum.core.documents.verdict import PENDING, Verdict
from medquorum.errors import CheckFailed, ContractError

__all__ = ["KINDS", "Certificate", "IndexedBlock", "IndexedTransaction", "Written", "read_block"]

KINDS: Mapping[str, type[Document]] = {
    kind.kind: kind
    for kind in (
        Aggregate,
        Attestation,
        Conclusion,
        Consortium,
        Masks,
        Model,
        Root,
        RootAttestation,
        Round,
        Task,
        Update,
        Verdict,
    )
}
"""The documents that are kept; the others hold models, or are the model store's bookkeeping."""

LONGEST = 200
"""Characters of a text by somebody else that are kept: ids, names of functions and organisations."""
VALID = int(TxValidationCode.VALID)


@dataclass(frozen=True)
class Written:
    """A key that a transaction wrote; its document is None where it was deleted, pending or cannot be read."""

    key: str
    kind: str
    document: Document | None
    note: str = ""


@dataclass(frozen=True)
class IndexedTransaction:
    """One entry of a block; ``endorsers`` are the organisations it names, whose signatures are not checked here."""

    position: int
    id: str
    code: str
    function: str
    author: str
    seconds: int
    endorsers: tuple[str, ...] = ()
    version: str = ""
    written: tuple[Written, ...] = ()


class Certificate(NamedTuple):
    """Whose certificate an author or endorser showed, and when it ends (seconds since 1970)."""

    msp: str
    name: str
    role: str
    ends: int


@dataclass(frozen=True)
class IndexedBlock:
    """A block's number and what is kept of it."""

    number: int
    transactions: tuple[IndexedTransaction, ...]
    certificates: tuple[Certificate, ...] = ()
    configuration: Entry | None = field(default=None, repr=False)


def read_block(block: Any) -> IndexedBlock:
    """Return what is kept of a block. An entry that is not of this chaincode, or of nobody, is kept as just that.

    Raises
    ------
    CheckFailed
        Its entries have not the form of a block's.
    """
    number, read = block.header.number, read_entry if block.header.number else read_genesis_entry
    codes = _codes(block)
    entries = [read(raw, f"entry {index} of block {number}") for index, raw in enumerate(block.data.data)]
    transactions = tuple(
        _transaction(number, index, entry, codes[index] if index < len(codes) else VALID)
        for index, entry in enumerate(entries)
    )
    certificates = {_certificate(identity) for entry in entries for identity in _identities(entry)}
    configuration = next((entry for entry in entries if is_configuration(entry)), None)
    return IndexedBlock(number, transactions, tuple(certificates), configuration)


def _codes(block: Any) -> bytes:
    fields = block.metadata.metadata
    return bytes(fields[2]) if len(fields) > 2 else b""


def _transaction(number: int, position: int, entry: Entry, code: int) -> IndexedTransaction:
    name = TxValidationCode.Name(code) if code in TxValidationCode.values() else f"code {code}"
    seconds = int(time_of(entry).timestamp())
    identifier = str(entry.channel_header.tx_id)[:LONGEST]
    author = _msp(entry.author.creator)
    kept = IndexedTransaction(position, identifier, name, _function(entry), author, seconds)
    if entry.channel_header.type != HeaderType.ENDORSER_TRANSACTION:
        return kept
    try:
        result = read_result(BlockTransaction(number, name, entry), CHAINCODE)
    except CheckFailed:
        return kept  # another chaincode's, or a failure: it wrote nothing of ours
    written = tuple(_written(key, value) for key, value in result.writes.items()) if code == VALID else ()
    return IndexedTransaction(
        position,
        identifier,
        name,
        kept.function,
        author,
        seconds,
        tuple(sorted({_msp(endorser) for endorser, _ in result.endorsements})),
        _version(result.signed),
        tuple(one for one in written if one.kind in KINDS),
    )


def _written(key: str, value: bytes | None) -> Written:
    """Return what stands at a key: a document that is not of its kind, or of another key, is none."""
    name = key.strip("\0").split("\0")[0]
    kind = KINDS.get(name)
    if kind is None or value is None or value == PENDING:
        return Written(key, name, None, "" if value is not None else "deleted")
    try:
        document = kind.decode(value)
    except (ContractError, ValueError, KeyError, TypeError, AttributeError):
        return Written(key, name, None, "unreadable")
    return Written(key, name, document) if document.key == key else Written(key, name, None, "unreadable")


def _function(entry: Entry) -> str:
    """Return the name of the transaction function, or what else the entry is."""
    if is_configuration(entry):
        return "configuration"
    try:
        step = _step(entry)
        proposal = ChaincodeProposalPayload.FromString(step.chaincode_proposal_payload)
        specification = ChaincodeInvocationSpec.FromString(proposal.input).chaincode_spec
        name = specification.input.args[0].decode(errors="replace") if specification.input.args else ""
        return f"{'' if specification.chaincode_id.name == CHAINCODE else specification.chaincode_id.name + ' '}{name}"[
            :LONGEST
        ]
    except (DecodeError, IndexError):
        return "unreadable"


def _version(signed: bytes) -> str:
    response = ProposalResponsePayload.FromString(signed)  # read_result has read it
    return str(ChaincodeAction.FromString(response.extension).chaincode_id.version)[:LONGEST]


def _step(entry: Entry) -> Any:
    return ChaincodeActionPayload.FromString(Transaction.FromString(entry.data).actions[0].payload)


def _certificate(identity: Identity) -> Certificate:
    role = next((unit for unit in ROLES if unit in identity.units), "")
    return Certificate(identity.msp_id[:LONGEST], identity.name[:LONGEST], role, int(identity.end.timestamp()))


def _identities(entry: Entry) -> Iterator[Identity]:
    """Yield the author and the endorsers that an entry names and whose certificates can be read."""
    named = [entry.author.creator]
    if entry.channel_header.type == HeaderType.ENDORSER_TRANSACTION:
        with suppress(DecodeError, IndexError):
            named += [endorsement.endorser for endorsement in _step(entry).action.endorsements]
    for serialized in named:
        with suppress(CheckFailed):
            yield read_identity(bytes(serialized))


def _msp(serialized: bytes) -> str:
    try:
        return read_identity(bytes(serialized)).msp_id[:LONGEST]
    except CheckFailed:
        return ""
