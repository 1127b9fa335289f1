# SPDX-License-Identifier: Apache-2.0
"""Deliveries to aggregation nodes and the dealer's salts, over mutual TLS: taken once whole, refused with the cause."""

import threading
from contextlib import contextmanager

import grpc
import numpy as np
import pytest

from medquorum.core import canonical
from medquorum.errors import (
    ConfigError,
    ContractError,
    DataError,
    MaterialError,
    MedquorumError,
    ProtocolError,
    ShareError,
)
from medquorum.verifier.service.connection import connect
from medquorum.verifier.service.deliveries import Deliveries, Delivery, deliver
from medquorum.verifier.service.frames import split_all
from medquorum.verifier.service.refusal import refusal
from medquorum.verifier.service.salts import Salts, take_salt
from medquorum.verifier.service.server import Server
from medquorum_testing.encrypted.service_identities import credentials

PARTY, NODE, STRANGER = "VerifierAMSP", "Hospital1MSP", "StrangerMSP"
HEADER = Delivery(kind="reshare", task="demo", round=3, set="0" * 64, nodes=(NODE, PARTY), masked="1" * 64)
TIMEOUT = 20.0


class Taking:
    """A node that remembers what came, or refuses it."""

    def __init__(self, refuse=None):
        self.came = []
        self.refuse = refuse

    def __call__(self, sender, header, messages):
        if self.refuse is not None:
            raise self.refuse
        self.came.append((sender, header, list(messages)))


def sizes(sender, header):
    """Allow what the tests send, and nothing of the task "other"."""
    if header.task == "other":
        raise ShareError("this node has another task", "Check the task")
    return (8 << 20,) * header.messages


@contextmanager
def serving(*services):
    with Server(credentials(NODE, [PARTY, NODE]), "127.0.0.1:0", services) as server:
        yield server.address


def send(address, messages, *, sender=PARTY, header=HEADER):
    deliver(credentials(sender, [PARTY, NODE]), address, NODE, header, messages, TIMEOUT)


def test_what_is_sent_arrives_with_its_sender():
    taking = Taking()
    long = np.random.default_rng(0).bytes(5 << 20)
    with serving(Deliveries(sizes, taking)) as address:
        for messages in ([], [b"seed"], [bytes(32), long]):
            send(address, messages)
    assert [(sender, messages) for sender, _, messages in taking.came] == [
        (PARTY, []),
        (PARTY, [b"seed"]),
        (PARTY, [bytes(32), long]),
    ]
    assert [header.messages for _, header, _ in taking.came] == [0, 1, 2]
    assert taking.came[0][1] == HEADER


@pytest.mark.parametrize("error", [ShareError("not for this set", "Wait"), MaterialError("another set", "Abort")])
def test_a_refusal_arrives_as_it_was_raised(error):
    with serving(Deliveries(sizes, Taking(error))) as address, pytest.raises(type(error), match=error.cause) as raised:
        send(address, [b"x"])
    assert raised.value.remedy == error.remedy


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (MedquorumError("something", "Look"), "MedquorumError"),
        (ConfigError("a wrong option", "Look"), "ConfigError"),
        (DataError("a full disk", "Look"), "DataError"),
        (ContractError("NO_TASK", "no such task", "Look"), "no such task"),
    ],
)
def test_what_ails_another_organisation_is_a_protocol_error_here(error, said):
    """Its callers go on after a ProtocolError; any other class would end their process."""
    with serving(Deliveries(sizes, Taking(error))) as address, pytest.raises(ProtocolError, match=said) as raised:
        send(address, [b"x"])
    assert type(raised.value) is ProtocolError
    assert raised.value.remedy


@pytest.mark.parametrize("named", ["ConfigError", "DataError", "MedquorumError", "KeyError"])
def test_a_peer_cannot_name_another_class(named):
    refused = refusal(canonical.encode({"cause": "no", "error": named, "remedy": ""}).decode())
    assert type(refused) is ProtocolError


def test_a_node_that_is_not_there_is_a_protocol_error():
    with serving() as address:
        gone = address
    with pytest.raises(ProtocolError, match="cannot be reached"):
        deliver(credentials(PARTY, [PARTY, NODE]), gone, NODE, HEADER, [], 0.5)


@pytest.mark.slow
def test_strangers_deliver_nothing():
    taking = Taking()
    with serving(Deliveries(sizes, taking)) as address, pytest.raises(ProtocolError):
        deliver(credentials(STRANGER, [STRANGER, NODE]), address, NODE, HEADER, [], 2)
    assert taking.came == []


@pytest.mark.parametrize(
    ("frames", "cause"),
    [
        ([b"{}"], "no delivery's header"),
        ([HEADER.model_copy(update={"messages": 1}).encode()], "ends before its announced length"),
        ([HEADER.encode().replace(b'"messages":0', b'"messages":3')], "no delivery's header"),
        ([HEADER.encode().replace(b"reshare", b"update")], "no delivery's header"),
        ([HEADER.model_copy(update={"messages": 1}).encode(), bytes(8 << 20 | 1)], "At most 8388608 bytes are taken"),
    ],
)
def test_what_is_no_delivery_is_refused_and_not_taken(frames, cause):
    taking = Taking()
    with serving(Deliveries(sizes, taking)) as address:
        channel = connect(credentials(PARTY, [PARTY, NODE]), address, NODE)
        with channel, pytest.raises(grpc.RpcError, match=cause):
            channel.stream_unary("/medquorum.Aggregation/Put", bytes, bytes)(split_all(frames), timeout=TIMEOUT)
    assert taking.came == []


def test_a_delivery_is_refused_before_anything_of_it_is_read():
    """The sender never sends the message it announces: the refusal needs only the header."""
    taking, header = Taking(), HEADER.model_copy(update={"task": "other", "messages": 2})
    end = threading.Event()

    def frames():
        yield from split_all([header.encode()])
        end.wait(TIMEOUT)

    with serving(Deliveries(sizes, taking)) as address:
        channel = connect(credentials(PARTY, [PARTY, NODE]), address, NODE)
        with channel, pytest.raises(grpc.RpcError, match="this node has another task"):
            channel.stream_unary("/medquorum.Aggregation/Put", bytes, bytes)(frames(), timeout=TIMEOUT)
        end.set()
    assert taking.came == []


def test_the_salt_is_the_dealers_answer_to_that_node():
    asked = []

    def give(node, task, round_number):
        asked.append((node, task, round_number))
        if round_number == 9:
            raise ProtocolError("the masks of round 9 are not attested", "Ask again")
        return bytes(32 if round_number == 3 else 5)

    own = credentials(PARTY, [PARTY, NODE])
    with serving(Salts(give)) as address:
        assert take_salt(own, address, NODE, "demo", 3, TIMEOUT) == bytes(32)
        with pytest.raises(ProtocolError, match="not attested"):
            take_salt(own, address, NODE, "demo", 9, TIMEOUT)
        with pytest.raises(ProtocolError, match="another size"):
            take_salt(own, address, NODE, "demo", 4, TIMEOUT)
        with connect(own, address, NODE) as channel, pytest.raises(grpc.RpcError, match="no request for a salt"):
            channel.unary_unary("/medquorum.Salts/Take", bytes, bytes)(b"{", timeout=TIMEOUT)
    assert asked == [(PARTY, "demo", 3), (PARTY, "demo", 9), (PARTY, "demo", 4)]
