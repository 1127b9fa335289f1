# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import time
from collections.abc import Callable

import grpc
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from fabric_protos.common.common_pb2 import ChannelHeader, Header, SignatureHeader
from fabric_protos.peer.chaincode_pb2 import ChaincodeInvocationSpec
from fabric_protos.peer.proposal_pb2 import ChaincodeHeaderExtension, ChaincodeProposalPayload, Proposal

from medquorum.gateway import (
    CommitError,
    CommitStatusError,
    Contract,
    DataError,
    EndorseError,
    Gateway,
    GatewayError,
    SubmitError,
    X509Identity,
    connect,
)
from medquorum.gateway.identity import transaction_id
from medquorum_testing.gateway.fake_gateway import Failure, FakeGateway, status_trailer


def test_a_proposal_says_what_a_peer_checks(
    service: FakeGateway, gateway: Gateway, identity: X509Identity, key: ec.EllipticCurvePrivateKey
) -> None:
    contract = gateway.get_network("mychannel").get_contract("asset", "org.example")
    result = contract.evaluate(
        "Get", arguments=["text", b"\xff"], transient={"a": "1", "b": b"\0"}, endorsing_organizations=["Org2MSP"]
    )
    assert result == b"result"
    (request,) = service.requests["Evaluate"]
    signed = request.proposed_transaction
    key.public_key().verify(signed.signature, signed.proposal_bytes, ec.ECDSA(hashes.SHA256()))
    assert list(request.target_organizations) == ["Org2MSP"]
    proposal = Proposal.FromString(signed.proposal_bytes)
    header = Header.FromString(proposal.header)
    channel, creator = (
        ChannelHeader.FromString(header.channel_header),
        SignatureHeader.FromString(header.signature_header),
    )
    assert (channel.type, channel.channel_id, channel.epoch) == (3, "mychannel", 0)
    assert abs(channel.timestamp.ToNanoseconds() - time.time_ns()) < 60e9
    assert creator.creator == identity.creator
    assert len(creator.nonce) == 24
    assert request.transaction_id == channel.tx_id == transaction_id(creator.nonce, creator.creator)
    assert ChaincodeHeaderExtension.FromString(channel.extension).chaincode_id.name == "asset"
    payload = ChaincodeProposalPayload.FromString(proposal.payload)
    assert dict(payload.TransientMap) == {"a": b"1", "b": b"\0"}
    specification = ChaincodeInvocationSpec.FromString(payload.input).chaincode_spec
    assert specification.chaincode_id.name == "asset"
    assert list(specification.input.args) == [b"org.example:Get", b"text", b"\xff"]


def test_submit_signs_the_prepared_envelope(
    service: FakeGateway, contract: Contract, key: ec.EllipticCurvePrivateKey
) -> None:
    assert contract.submit_transaction("Put", "k", "v") == b"result"
    (submitted,) = service.requests["Submit"]
    envelope = submitted.prepared_transaction
    key.public_key().verify(envelope.signature, envelope.payload, ec.ECDSA(hashes.SHA256()))
    assert submitted.channel_id == "mychannel"
    (status,) = service.requests["CommitStatus"]
    key.public_key().verify(status.signature, status.request, ec.ECDSA(hashes.SHA256()))


def test_each_submit_is_a_transaction_of_its_own(service: FakeGateway, contract: Contract) -> None:
    contract.submit_transaction("Put", "k", "v")
    contract.submit_transaction("Put", "k", "v")
    first, second = service.requests["Submit"]
    assert first.transaction_id != second.transaction_id


def test_submit_async_gives_the_result_before_the_outcome(service: FakeGateway, contract: Contract) -> None:
    service.commits_on_submit = "MVCC_READ_CONFLICT"
    submitted = contract.submit_async("Put", arguments=["k", "v"])
    assert submitted.result == b"result"
    assert "CommitStatus" not in service.requests
    status = submitted.status()
    assert (status.successful, status.code, status.block_number) == (False, "MVCC_READ_CONFLICT", 7)
    assert status.transaction_id == submitted.transaction_id


def test_an_invalid_transaction_raises_commit_error(service: FakeGateway, contract: Contract) -> None:
    service.commits_on_submit = "PHANTOM_READ_CONFLICT"
    with pytest.raises(CommitError) as caught:
        contract.submit_transaction("Put", "k", "v")
    assert caught.value.code == "PHANTOM_READ_CONFLICT"
    assert caught.value.transaction_id == service.requests["Submit"][0].transaction_id


@pytest.mark.parametrize(
    ("method", "kind"),
    [("Endorse", EndorseError), ("Submit", SubmitError), ("CommitStatus", CommitStatusError)],
)
def test_each_stage_has_its_error(
    service: FakeGateway, contract: Contract, method: str, kind: type[GatewayError]
) -> None:
    trailer = status_trailer(("peer:7051", "Org1MSP", "because"))
    service.failures[method] = [Failure(grpc.StatusCode.ABORTED, "no", trailer)]
    with pytest.raises(kind) as caught:
        contract.submit_transaction("Put", "k", "v")
    error = caught.value
    assert error.code == "ABORTED"
    assert [(d.address, d.msp_id, d.message) for d in error.details] == [("peer:7051", "Org1MSP", "because")]
    assert error.transaction_id == service.requests["Endorse"][0].transaction_id


def test_every_stage_has_its_deadline(
    service: FakeGateway, channel: grpc.Channel, identity: X509Identity, sign: Callable[[bytes], bytes]
) -> None:
    gateway = connect(channel, identity, sign, endorse_timeout=20)
    contract = gateway.get_network("mychannel").get_contract("asset")
    contract.evaluate("Get")
    contract.submit("Put")
    assert service.deadlines == pytest.approx({"Evaluate": 5, "Endorse": 20, "Submit": 5, "CommitStatus": 60}, abs=1)
    contract.evaluate("Get", timeout=40)
    contract.submit("Put", endorse_timeout=41, submit_timeout=42, commit_status_timeout=43)
    assert service.deadlines == pytest.approx({"Evaluate": 40, "Endorse": 41, "Submit": 42, "CommitStatus": 43}, abs=1)


def test_a_deadline_that_nobody_chose_grows_with_the_bytes(
    service: FakeGateway, channel: grpc.Channel, identity: X509Identity, sign: Callable[[bytes], bytes]
) -> None:
    contract = connect(channel, identity, sign).get_network("mychannel").get_contract("asset")
    megabyte = {"chunk": bytes(1_000_000)}
    contract.submit("Put", transient=megabyte)
    assert service.deadlines["Endorse"] == pytest.approx(15 + 10, abs=1)  # a line of 1 Mbit/s takes 8 s
    contract.submit("Put", transient=megabyte, endorse_timeout=3)
    assert service.deadlines["Endorse"] == pytest.approx(3, abs=1)


def test_off_line_signing(
    service: FakeGateway, channel: grpc.Channel, identity: X509Identity, sign: Callable[[bytes], bytes]
) -> None:
    gateway = connect(channel, identity)
    unsigned = gateway.get_network("mychannel").get_contract("asset").new_proposal("Put", arguments=["k", "v"])
    proposal = gateway.new_signed_proposal(unsigned.to_bytes(), sign(unsigned.digest))
    assert proposal.evaluate() == b"result"
    prepared = proposal.endorse()
    transaction = gateway.new_signed_transaction(prepared.to_bytes(), sign(prepared.digest))
    submitted = transaction.submit()
    commit = gateway.new_signed_commit(submitted.to_bytes(), sign(submitted.digest))
    assert commit.status().successful
    assert (
        commit.transaction_id
        == submitted.transaction_id
        == unsigned.transaction_id
        == service.requests["Submit"][0].transaction_id
    )


@pytest.mark.parametrize("method", ["new_proposal", "new_transaction", "new_commit", "new_chaincode_events_request"])
def test_bytes_that_are_no_message_are_refused(gateway: Gateway, method: str) -> None:
    with pytest.raises(DataError):
        getattr(gateway, method)(b"\xff\xff")
