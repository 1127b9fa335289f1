# SPDX-License-Identifier: Apache-2.0
"""Our gateway client under the conformance scenarios."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from fabric_protos.common.common_pb2 import BlockMetadataIndex, ChannelHeader, Envelope, Payload
from fabric_protos.peer.transaction_pb2 import TxValidationCode

from medquorum import gateway
from medquorum.gateway import BlockKind as Kind
from medquorum.gateway import (
    CommitError,
    CommitStatusError,
    ConfigError,
    EndorseError,
    EventStream,
    GatewayError,
    InMemoryCheckpointer,
    Proposal,
    SubmitError,
)
from medquorum_testing.gateway.scenario import (
    CHAINCODE,
    CHANNEL,
    BlockKind,
    Identity,
    Organisation,
    Outcome,
    Prepared,
    ScenarioError,
    Unsigned,
)

STAGES = {EndorseError: "endorse", SubmitError: "submit", CommitStatusError: "status", GatewayError: ""}
STREAM_SECONDS = 30


@contextmanager
def translated() -> Iterator[None]:
    try:
        yield
    except CommitError as error:
        raise ScenarioError("commit", error.code, [], str(error)) from error
    except GatewayError as error:
        organisations = [detail.msp_id for detail in error.details]
        raise ScenarioError(STAGES[type(error)], error.code, organisations, str(error)) from error
    except ConfigError as error:
        raise ScenarioError("client", type(error).__name__, [], str(error)) from error


class PythonStream:
    def __init__(self, stream: EventStream[Any], read: Callable[[Any], dict[str, Any]]) -> None:
        self._stream = stream
        self._read = read

    def next(self) -> dict[str, Any]:
        with translated():
            return self._read(next(self._stream))

    def close(self) -> None:
        self._stream.close()


class PythonClient:
    def __init__(self, organisation: Organisation, identity: Identity, *, signs: bool = True) -> None:
        self._channel = gateway.tls_channel(
            organisation.endpoint, organisation.roots, organisation.server_name, client=organisation.tls
        )
        self._gateway = gateway.connect(
            self._channel,
            gateway.X509Identity(identity.msp_id, identity.certificate),
            gateway.private_key_signer(identity.key) if signs else None,
            tls_client_certificate_hash=organisation.tls.hash,
        )
        self._network = self._gateway.get_network(CHANNEL)

    def _proposal(
        self,
        name: str,
        arguments: Sequence[str],
        transient: Mapping[str, str] | None = None,
        organisations: Sequence[Organisation] = (),
        chaincode: str = CHAINCODE,
        channel: str = CHANNEL,
    ) -> Proposal:
        contract = self._gateway.get_network(channel).get_contract(chaincode)
        return contract.new_proposal(
            name,
            arguments=arguments,
            transient=transient or {},
            endorsing_organizations=[one.msp_id for one in organisations],
        )

    def evaluate(self, name: str, *arguments: str, **options: Any) -> str:
        with translated():
            return self._proposal(name, arguments, **options).evaluate().decode()

    def submit(self, name: str, *arguments: str, **options: Any) -> str:
        with translated():
            submitted = self._proposal(name, arguments, **options).endorse().submit()
            submitted.status().require_valid()
            return submitted.result.decode()

    def endorse(self, name: str, *arguments: str, **options: Any) -> Prepared:
        with translated():
            transaction = self._proposal(name, arguments, **options).endorse()
        return Prepared(transaction, transaction.transaction_id, transaction.result.decode())

    def send(self, prepared: Prepared) -> None:
        with translated():
            prepared.handle.submit()

    def status(self, prepared: Prepared) -> Outcome:
        with translated():
            status = prepared.handle.commit().status()
        return Outcome(status.code, status.block_number)

    def propose(self, name: str, *arguments: str) -> Unsigned:
        proposal = self._proposal(name, arguments)
        return Unsigned(proposal.to_bytes(), proposal.digest)

    def evaluate_signed(self, content: bytes, signature: bytes) -> str:
        with translated():
            return self._gateway.new_signed_proposal(content, signature).evaluate().decode()

    def endorse_signed(self, content: bytes, signature: bytes) -> Unsigned:
        with translated():
            transaction = self._gateway.new_signed_proposal(content, signature).endorse()
        return Unsigned(transaction.to_bytes(), transaction.digest)

    def submit_signed(self, content: bytes, signature: bytes) -> Unsigned:
        with translated():
            submitted = self._gateway.new_signed_transaction(content, signature).submit()
        return Unsigned(submitted.to_bytes(), submitted.digest)

    def status_signed(self, content: bytes, signature: bytes) -> Outcome:
        with translated():
            status = self._gateway.new_signed_commit(content, signature).status()
        return Outcome(status.code, status.block_number)

    def events(self, start: int | None = None, checkpoint: tuple[int, str | None] | None = None) -> PythonStream:
        stream = self._network.chaincode_events(
            CHAINCODE, start_block=start, checkpoint=_checkpoint(checkpoint), timeout=STREAM_SECONDS
        )
        return PythonStream(stream, _event)

    def blocks(
        self, kind: BlockKind, start: int | None = None, checkpoint: tuple[int, str | None] | None = None
    ) -> PythonStream:
        chosen, read = {
            "full": (Kind.FULL, _full),
            "filtered": (Kind.FILTERED, _filtered),
            "private": (Kind.WITH_PRIVATE_DATA, _private),
        }[kind]
        stream = self._network.block_events(
            chosen, start_block=start, checkpoint=_checkpoint(checkpoint), timeout=STREAM_SECONDS
        )
        return PythonStream(stream, read)

    def close(self) -> None:
        self._channel.close()


def _checkpoint(position: tuple[int, str | None] | None) -> InMemoryCheckpointer | None:
    if position is None:
        return None
    checkpointer = InMemoryCheckpointer()
    block, transaction_id = position
    if transaction_id is None:
        checkpointer.checkpoint_block(block)
    else:
        checkpointer.checkpoint_transaction(block, transaction_id)
    return checkpointer


def _event(event: gateway.ChaincodeEvent) -> dict[str, Any]:
    return {
        "block": event.block_number,
        "transaction_id": event.transaction_id,
        "name": event.name,
        "payload": event.payload.decode(),
    }


def _transactions(block: Any) -> list[dict[str, str]]:
    codes = block.metadata.metadata[BlockMetadataIndex.TRANSACTIONS_FILTER]
    found = []
    for content, code in zip(block.data.data, codes, strict=True):
        payload = Payload.FromString(Envelope.FromString(content).payload)
        identifier = ChannelHeader.FromString(payload.header.channel_header).tx_id
        found.append({"transaction_id": identifier, "code": TxValidationCode.Name(code)})
    return found


def _full(block: Any) -> dict[str, Any]:
    return {"block": block.header.number, "transactions": _transactions(block)}


def _filtered(block: Any) -> dict[str, Any]:
    transactions = [
        {"transaction_id": one.txid, "code": TxValidationCode.Name(one.tx_validation_code)}
        for one in block.filtered_transactions
    ]
    return {"block": block.number, "transactions": transactions}


def _private(both: Any) -> dict[str, Any]:
    collections = [
        collection.collection_name
        for data in both.private_data_map.values()
        for namespace in data.ns_pvt_rwset
        for collection in namespace.collection_pvt_rwset
    ]
    return _full(both.block) | {"collections": collections}
