# SPDX-License-Identifier: Apache-2.0
"""What hospitals and strangers may send: refused with its cause, and the round still ends."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from medquorum.core.documents.update import private_value
from medquorum.errors import ContractError
from medquorum.gateway import (
    Contract,
    EndorseError,
    GatewayError,
    X509Identity,
    connect,
    private_key_signer,
    read_profile,
    tls_channel,
)
from medquorum.network.consortium.consortium import Organisation
from medquorum_testing.federation.federation import Federation

EVERYONE = ["Hospital1MSP", "Hospital2MSP", "Hospital3MSP"]
SMALLEST, LARGEST = -(2**31), 2**31 - 1


def raw(fed: Federation, value: int) -> bytes:
    return np.full(fed.task.length // 4, value, "<i4").tobytes()


def refused(code: str, fed: Federation, organisation: str, name: str, *arguments: object, **transient: bytes) -> None:
    with pytest.raises(ContractError) as error:
        fed.transactions(organisation).submit(name, fed.name, *arguments, **transient)
    assert error.value.code == code, error.value


def test_malformed_updates_are_refused_and_the_hospital_may_still_submit(fed: Federation) -> None:
    hospital = fed.roles["Hospital1"]
    hospital.freeze()
    number = fed.opened()
    sound = private_value(bytes(32), raw(fed, 0))
    for chunk, index in ((sound[:-1], 0), (sound + b"\0", 0), (sound * 2, 0), (b"", 0), (sound, 1)):
        refused("BAD_CHUNK", fed, "Hospital1", "PutUpdateChunk", number, index, chunk=chunk)
    base, layout, chunks = fed.current.base, fed.task.layout, [hashlib.sha256(sound).hexdigest()]
    for code, document in {
        "STALE_BASE": {"base": "0" * 64, "layout": layout, "chunks": chunks},
        "BAD_LAYOUT": {"base": base, "layout": "0" * 64, "chunks": chunks},
        "DATA_MISSING": {"base": base, "layout": layout, "chunks": chunks},
        "BAD_UPDATE": {"base": base, "layout": layout},
    }.items():
        refused(code, fed, "Hospital1", "SubmitUpdate", number, document)
    hospital.thaw()
    assert fed.finished().accepted == EVERYONE
    [update] = fed.versions("update", number, EVERYONE[0])
    assert update["chunks"] == fed.uploaded("Hospital1", number)


def test_what_was_put_is_not_replaced(fed: Federation) -> None:
    """Not by another client of the hospital either: its process finds the round taken and goes on with the next."""
    fed.roles["Hospital1"].freeze()
    number = fed.opened()
    sound, other = (private_value(bytes([salt] * 32), raw(fed, 0)) for salt in (0, 1))
    for _ in range(2):
        fed.transactions("Hospital1").submit("PutUpdateChunk", fed.name, number, 0, chunk=sound)
    refused("ALREADY_PUT", fed, "Hospital1", "PutUpdateChunk", number, 0, chunk=other)
    document: dict[str, object] = {"base": fed.current.base, "layout": fed.task.layout}
    wrong, right = ({"chunks": [hashlib.sha256(value).hexdigest()]} for value in (other, sound))
    refused("CHUNK_MISMATCH", fed, "Hospital1", "SubmitUpdate", number, document | wrong)
    fed.transactions("Hospital1").submit("SubmitUpdate", fed.name, number, document | right)
    fed.roles["Hospital1"].thaw()
    assert fed.finished().candidates == EVERYONE
    [update] = fed.versions("update", number, EVERYONE[0])
    assert update["chunks"] == right["chunks"]


def test_a_second_and_a_late_submission_are_refused(fed: Federation) -> None:
    fed.roles["Hospital3"].freeze()
    number = fed.opened()
    fed.submit_raw("Hospital3", number, raw(fed, 0))
    sound = private_value(bytes(32), raw(fed, 1))
    document: dict[str, object] = {"base": fed.current.base, "layout": fed.task.layout}
    document |= {"chunks": [hashlib.sha256(sound).hexdigest()]}
    refused("ALREADY_SUBMITTED", fed, "Hospital3", "PutUpdateChunk", number, 0, chunk=sound)
    refused("ALREADY_SUBMITTED", fed, "Hospital3", "SubmitUpdate", number, document)
    fed.reach_everywhere("verifying")
    refused("ROUND_CLOSED", fed, "Hospital3", "PutUpdateChunk", number, 0, chunk=sound)
    refused("ROUND_CLOSED", fed, "Hospital3", "SubmitUpdate", number, document)
    assert fed.finished().candidates == EVERYONE
    assert len(fed.versions("update", number, EVERYONE[2])) == 1


def test_too_few_updates_in_range_leave_the_model_as_it_was(fed: Federation) -> None:
    fed.roles["Hospital2"].freeze()
    fed.roles["Hospital3"].stop()
    fed.start("Hospital3", "--attack", "nan", kind="adversary")
    number = fed.opened()
    fed.submit_raw("Hospital2", number, raw(fed, SMALLEST))
    closed = fed.finished()
    assert closed.accepted == EVERYONE[:1]
    assert (closed.reason, closed.model) == ("TOO_FEW", closed.base)
    verdicts = fed.status(number).verdicts
    assert [verdicts[hospital].reason for hospital in EVERYONE] == [None, "RANGE", "RANGE"]
    said = fed.roles["Hospital3"].wait_for("verdict", round=number)
    assert (said["accepted"], said["reason"]) == (False, "RANGE")
    fed.roles["Hospital3"].stop()


def test_hospitals_cannot_send_what_verifiers_and_the_coordinator_send(fed: Federation) -> None:
    number = fed.opened()
    fed.reach("verifying")
    result = {"accepted": True, "reason": None}
    for name, *arguments in (
        ("VerifyUpdate", number, EVERYONE[0]),
        ("AttestVerdict", number, EVERYONE[0], result),
        ("StoreModelChunk", number, 0),
        ("CloseVerdicts", number, "enough"),
        ("AbortRound", number, "enough"),
    ):
        refused("ACCESS_DENIED", fed, "Hospital1", name, *arguments)
    assert fed.finished().accepted == EVERYONE


@contextmanager
def contract_as(fed: Federation, one: Organisation, identity: X509Identity, key: bytes) -> Iterator[Contract]:
    """Connect to an organisation's peer under any identity."""
    profile = read_profile(fed.running.profile(one.name))
    tls = profile.tls()
    with tls_channel(profile.endpoint, profile.root_certificates, profile.server_name, client=tls) as channel:
        gateway = connect(channel, identity, private_key_signer(key), endorse_timeout=60)
        yield gateway.get_network("mychannel").get_contract("medquorum")


def test_a_peers_identity_does_not_act_as_a_client(fed: Federation) -> None:
    number = fed.opened()
    one = fed.running.consortium.organisation("VerifierA")
    msp = fed.running.folder.node(one) / "msp"
    [certificate], [key] = (msp / "signcerts").iterdir(), (msp / "keystore").iterdir()
    identity = X509Identity(one.msp_id, certificate.read_bytes())
    arguments = [fed.name, str(number), "enough"]
    with (
        contract_as(fed, one, identity, key.read_bytes()) as contract,
        pytest.raises(EndorseError, match="/Channel/Application/Writers") as error,
    ):
        contract.submit("AbortRound", arguments=arguments)
    assert "not a peer's" in error.value.remedy
    assert fed.finished().accepted == EVERYONE


@pytest.mark.parametrize(
    ("claimed", "cause"),
    [("StrangerMSP", "creator org unknown|creator is malformed|blank"), ("Hospital1MSP", "access denied")],
)
def test_a_stranger_is_told_why_the_peer_refuses(fed: Federation, claimed: str, cause: str) -> None:
    hospital = fed.running.consortium.organisation("Hospital1")
    other = fed.running.consortium.organisation("VerifierA")
    folder = fed.running.folder
    certificate, key = folder.certificate(other, "User1").read_bytes(), folder.key(other, "User1").read_bytes()
    with (
        contract_as(fed, hospital, X509Identity(claimed, certificate), key) as contract,
        pytest.raises(GatewayError, match=cause) as error,
    ):
        contract.submit("OpenRound", arguments=[fed.name, "1"])
    assert error.value.remedy
