# SPDX-License-Identifier: Apache-2.0
"""Uploading a share: what arrives, from whom, and how a refusal comes back."""

import os
import threading

import grpc
import pytest

from medquorum.errors import ContractError, ProtocolError, ShareError
from medquorum.verifier.service.connection import connect
from medquorum.verifier.service.frames import FRAME, split_all
from medquorum.verifier.service.server import Server
from medquorum.verifier.service.share_upload import ShareUpload, upload_share
from medquorum_testing.encrypted.service_identities import credentials
from medquorum_testing.network.ports import free_port_base

KNOWN = ("P0MSP", "HospitalMSP", "OtherMSP")
PARTY, HOSPITAL, OTHER = (credentials(name, KNOWN) for name in KNOWN)


@pytest.fixture
def taken():
    return []


def longest(task, number, hospital):
    if task == "foreign":
        raise ShareError("there is no such task here", "Check the task")
    return 20 << 20


@pytest.fixture
def party(taken):
    def take(*given):
        if given[0] == "unknown":
            raise ShareError("the share does not match its commitment", "Upload the committed one")
        if given[0] == "busy":
            raise ContractError("NO_TASK", "there is no such task", "Look at the ledger")
        taken.append(given)

    with Server(PARTY, "127.0.0.1:0", [ShareUpload(longest, take)]) as server:
        yield server.address


@pytest.mark.slow
@pytest.mark.parametrize("size", [0, 64, 20 << 20])
def test_a_value_arrives_under_the_callers_name(party, taken, size):
    value = os.urandom(size)
    upload_share(HOSPITAL, party, "P0MSP", "task", 3, value, 10)
    upload_share(OTHER, party, "P0MSP", "task", 3, value, 10)
    assert taken == [("task", 3, "HospitalMSP", value), ("task", 3, "OtherMSP", value)]


def test_a_refusal_is_raised_again(party):
    with pytest.raises(ShareError) as raised:
        upload_share(HOSPITAL, party, "P0MSP", "unknown", 1, b"value", 10)
    assert (raised.value.cause, raised.value.remedy) == (
        "the share does not match its commitment",
        "Upload the committed one",
    )
    assert (raised.value.__cause__.code(), raised.value.exit_code) == (grpc.StatusCode.FAILED_PRECONDITION, 62)
    with pytest.raises(Exception, match="there is no such task") as other:
        upload_share(HOSPITAL, party, "P0MSP", "busy", 1, b"value", 10)
    assert other.value.__cause__.code() is grpc.StatusCode.ABORTED


def test_a_party_that_comes_later_is_reached(taken):
    address = f"127.0.0.1:{free_port_base(1)}"
    handing = threading.Thread(target=upload_share, args=(HOSPITAL, address, "P0MSP", "task", 1, b"value", 20))
    handing.start()
    handing.join(0.7)
    assert handing.is_alive()
    with Server(PARTY, address, [ShareUpload(longest, lambda *given: taken.append(given))]):
        handing.join(10)
    assert taken == [("task", 1, "HospitalMSP", b"value")]


def test_a_party_that_never_comes(party):
    with pytest.raises(ProtocolError, match=r"P0MSP at 127\.0\.0\.1:1 cannot be reached"):
        upload_share(HOSPITAL, "127.0.0.1:1", "P0MSP", "task", 1, b"value", 0.5)


HEADER = b'{"round":1,"task":"task"}'
LENGTH = FRAME + 100
CUT = [*split_all([HEADER]), LENGTH.to_bytes(8, "little") + bytes(FRAME)]


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        ([], "ends before"),
        (CUT, "ends before"),
        ([*CUT, b""], "a frame of 0 bytes where 100 are missing"),
        ([*CUT, bytes(99)], "a frame of 99 bytes"),
        ([*CUT, bytes(101)], "a frame of 101 bytes"),
        ([*split_all([HEADER]), LENGTH.to_bytes(8, "little") + b"x"], f"a frame of 1 bytes where {LENGTH} are"),
        ([*split_all([HEADER]), (20 << 20 | 1).to_bytes(8, "little") + bytes(FRAME)], "At most 20971520 bytes"),
        ([b"short"], "announced"),
        ([(1 << 62).to_bytes(8, "little")], "At most 4096 bytes"),
        ([*split_all([HEADER]), (1 << 62).to_bytes(8, "little")], "bytes are taken"),
        (split_all([b'{"round":"1","task":"task"}', b""]), "no share's header"),
        (split_all([b'{"round":true,"task":"task"}', b""]), "no share's header"),
        (split_all([b'{"round":1,"task":"task","x":1}', b""]), "no share's header"),
        (split_all([b"\xff", b""]), "no share's header"),
    ],
)
def test_what_is_no_value_is_refused(party, taken, frames, message):
    with connect(HOSPITAL, party, "P0MSP") as channel, pytest.raises(grpc.RpcError) as raised:
        channel.stream_unary("/medquorum.ShareUpload/PutShare")(iter(frames), timeout=10)
    assert message in raised.value.details()
    assert taken == []
