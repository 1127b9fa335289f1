# SPDX-License-Identifier: Apache-2.0
"""The services' edge: whatever goes wrong inside, the other organisation is told nothing local."""

import errno

import pytest

from medquorum.errors import DataError, MedquorumError, ProtocolError, ShareError
from medquorum.verifier.service.connection import connect
from medquorum.verifier.service.frames import split_all
from medquorum.verifier.service.line.listener import Lines
from medquorum.verifier.service.party_connection import PartyListener
from medquorum.verifier.service.refusal import refusal
from medquorum.verifier.service.salts import Salts, take_salt
from medquorum.verifier.service.server import Server
from medquorum.verifier.service.share_receipt import ShareReceiptService, has_share
from medquorum.verifier.service.share_upload import ShareUpload, upload_share
from medquorum_testing.encrypted.service_identities import credentials

KNOWN = ("P0MSP", "HospitalMSP")
PARTY, HOSPITAL = (credentials(name, KNOWN) for name in KNOWN)
PLACE = "/srv/verifierb/medquorum-state/party/shares"
FULL = OSError(errno.ENOSPC, "No space left on device", PLACE)
LOCAL = [FULL, ValueError(PLACE), DataError(f"cannot write {PLACE}", PLACE), RuntimeError(PLACE)]


def failing(error):
    def fail(*_):
        raise error

    return fail


@pytest.mark.parametrize("error", LOCAL, ids=lambda error: type(error).__name__)
def test_an_error_of_the_own_tells_its_type_only(error):
    fail = failing(error)
    services = [ShareUpload(lambda *_: 100, fail), ShareReceiptService("HospitalMSP", fail), Salts(fail)]
    with Server(PARTY, "127.0.0.1:0", services) as server:
        for ask in (
            lambda: upload_share(HOSPITAL, server.address, "P0MSP", "task", 1, b"value", 5),
            lambda: has_share(HOSPITAL, server.address, "P0MSP", "task", 1, "HospitalMSP", 5),
            lambda: take_salt(HOSPITAL, server.address, "P0MSP", "task", 1, 5),
        ):
            with pytest.raises(ProtocolError) as raised:
                ask()
            assert type(error).__name__ in str(raised.value)
            assert "/srv" not in str(raised.value)


def test_a_refusal_that_was_meant_crosses():
    fail = failing(ShareError("not awaited", "Wait"))
    with (
        Server(PARTY, "127.0.0.1:0", [ShareUpload(fail, fail)]) as server,
        pytest.raises(ShareError, match="not awaited"),
    ):
        upload_share(HOSPITAL, server.address, "P0MSP", "task", 1, b"value", 5)


@pytest.mark.parametrize("text", ["\\ud800", "\\u0000", "\\u001b[2J", "x" * 3000, "\u5206" * 1000])
@pytest.mark.parametrize("method", ["ShareUpload/PutShare", "PartyConnection/Open"])
def test_any_header_is_answered_by_a_refusal(method, text):
    """A name that no status can carry is part of the refusal."""

    def named(task, *_):
        raise ShareError(f"no task {task}", f"Not {task}")

    streams = method == "ShareUpload/PutShare"
    header = (f'{{"round":1,"task":"{text}"}}' if streams else f'{{"line":["{text}"]}}').encode()
    listener = PartyListener(Lines(PARTY, "127.0.0.1:0"))
    with (
        Server(PARTY, "127.0.0.1:0", [ShareUpload(named, named), listener]) as server,
        connect(HOSPITAL, server.address, "P0MSP") as channel,
    ):
        made = channel.stream_unary if streams else channel.unary_unary
        answer = made(f"/medquorum.{method}", bytes, bytes).future(
            split_all([header, b"value"]) if streams else header, timeout=5
        )
        found = refusal(answer.details())
    assert found is not None, answer.details()
    assert str(found).isprintable()


def test_what_another_organisation_says_is_shown_as_plain_text():
    found = refusal('{"cause":"a\\u001b[2Jb\\u5206","error":"Unheard","remedy":"' + "r" * 5000 + '"}')
    assert isinstance(found, MedquorumError)
    assert found.cause == "a?[2Jb?"
    assert len(found.remedy) == 1000
