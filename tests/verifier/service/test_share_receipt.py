# SPDX-License-Identifier: Apache-2.0
"""P0 asks whether a share was uploaded; nobody else is told, and nothing else is answered."""

import pytest

from medquorum.errors import ProtocolError
from medquorum.verifier.service.connection import connect
from medquorum.verifier.service.server import Server
from medquorum.verifier.service.share_receipt import ShareReceiptService, has_share
from medquorum_testing.encrypted.service_identities import credentials

KNOWN = ("P0MSP", "WitnessMSP", "HospitalMSP")
P0, WITNESS, HOSPITAL = (credentials(name, KNOWN) for name in KNOWN)


@pytest.fixture
def witness():
    received = {("task", 3, "HospitalMSP")}
    with Server(WITNESS, "127.0.0.1:0", [ShareReceiptService("P0MSP", lambda *update: update in received)]) as server:
        yield server.address


def test_p0_is_told(witness):
    def ask(*update):
        return has_share(P0, witness, "WitnessMSP", *update, 10)

    assert ask("task", 3, "HospitalMSP") is True
    assert ask("task", 4, "HospitalMSP") is False
    assert ask("other", 3, "HospitalMSP") is False


def test_a_hospital_is_not_told(witness):
    with pytest.raises(ProtocolError, match="only P0MSP is told, not HospitalMSP"):
        has_share(HOSPITAL, witness, "WitnessMSP", "task", 3, "HospitalMSP", 10)


@pytest.mark.parametrize(
    "question", [b"", b"[", b'{"hospital":"H","round":true,"task":"task"}', b'{"round":3,"task":"task"}']
)
def test_what_is_no_question_is_refused(witness, question):
    channel = connect(P0, witness, "WitnessMSP")
    with channel, pytest.raises(Exception, match="no question for a share"):
        channel.unary_unary("/medquorum.ShareReceipt/Ask", bytes, bytes)(question, timeout=10)


def test_another_answer_is_refused():
    class Both(ShareReceiptService):
        def __init__(self):
            super().__init__("P0MSP", lambda *update: 2)

    with Server(WITNESS, "127.0.0.1:0", [Both()]) as server, pytest.raises(ProtocolError, match="neither yes nor no"):
        has_share(P0, server.address, "WitnessMSP", "task", 3, "HospitalMSP", 10)
