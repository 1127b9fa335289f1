# SPDX-License-Identifier: Apache-2.0
"""What one organisation may take of a server: calls that stall end, and hold up nobody else's."""

import threading
from contextlib import ExitStack

import grpc
import pytest

from medquorum.network.supervision.waiting import await_true
from medquorum.verifier.service import admission
from medquorum.verifier.service.admission import CALLS
from medquorum.verifier.service.connection import connect
from medquorum.verifier.service.deliveries import Deliveries
from medquorum.verifier.service.frames import split
from medquorum.verifier.service.server import Server
from medquorum.verifier.service.share_upload import ShareUpload, upload_share
from medquorum_testing.encrypted.service_identities import credentials
from medquorum_testing.silence import assert_silent_connections_end

KNOWN = ("P0MSP", "HospitalMSP", "OtherMSP")
PARTY, HOSPITAL, OTHER = (credentials(name, KNOWN) for name in KNOWN)
METHODS = ("ShareUpload/PutShare", "Aggregation/Put")
TIMEOUT = 20.0


@pytest.fixture
def taken():
    return []


@pytest.fixture
def party(taken):
    services = [
        ShareUpload(lambda *_: 1 << 20, lambda *given: taken.append(given)),
        Deliveries(lambda *_: [100], lambda *_: None),
    ]
    with Server(PARTY, "127.0.0.1:0", services) as server:
        yield server.address


@pytest.fixture
def stalled():
    """Make the frames of a sender that stops after the given ones."""
    end = threading.Event()

    def frames(*given):
        yield from given
        end.wait(TIMEOUT)

    yield frames
    end.set()


def dial(channel, method, frames):
    return channel.stream_unary(f"/medquorum.{method}", bytes, bytes).future(frames, timeout=TIMEOUT)


def test_one_organisations_stalled_calls_leave_the_others_their_threads(party, taken, stalled):
    with ExitStack() as stack:
        channels = [stack.enter_context(connect(HOSPITAL, party, "P0MSP")) for _ in range(3)]
        calls = [dial(channels[n % 3], METHODS[n % 2], stalled()) for n in range(CALLS * len(KNOWN) + 20)]
        excess = len(calls) - CALLS
        await_true(lambda: sum(call.done() for call in calls) >= excess, TIMEOUT, "too many calls are served")
        refused = [call for call in calls if call.done()]
        assert len(refused) == excess
        assert {call.code() for call in refused} <= {
            grpc.StatusCode.UNAVAILABLE,
            grpc.StatusCode.RESOURCE_EXHAUSTED,
        }
        upload_share(OTHER, party, "P0MSP", "task", 1, b"value", 5)
    upload_share(HOSPITAL, party, "P0MSP", "task", 1, b"later", TIMEOUT)
    assert [(given[2], given[3]) for given in taken] == [("OtherMSP", b"value"), ("HospitalMSP", b"later")]


@pytest.mark.slow
def test_silent_connections_are_dropped_and_hold_up_nobody(party, taken):
    assert_silent_connections_end(party)
    upload_share(OTHER, party, "P0MSP", "task", 1, b"value", 5)
    assert [given[3] for given in taken] == [b"value"]


def test_a_members_idle_connection_is_closed(taken, monkeypatch):
    monkeypatch.setattr("medquorum.verifier.service.server.IDLE_MS", 300)
    services = [ShareUpload(lambda *_: 1 << 20, lambda *given: taken.append(given))]
    with Server(PARTY, "127.0.0.1:0", services) as server, connect(HOSPITAL, server.address, "P0MSP") as channel:
        states = []
        channel.subscribe(states.append, try_to_connect=True)
        await_true(lambda: grpc.ChannelConnectivity.READY in states, TIMEOUT, "it does not connect")
        ready = states.index(grpc.ChannelConnectivity.READY)
        await_true(lambda: grpc.ChannelConnectivity.IDLE in states[ready:], TIMEOUT, "it stays open")
        upload_share(OTHER, server.address, "P0MSP", "task", 1, b"value", 5)
    assert len(taken) == 1


@pytest.mark.parametrize("method", METHODS)
def test_a_call_that_sends_no_header_is_ended(party, stalled, monkeypatch, method):
    for module in ("share_upload", "deliveries"):
        monkeypatch.setattr(f"medquorum.verifier.service.{module}.HEADER_SECONDS", 0.2)
    with connect(HOSPITAL, party, "P0MSP") as channel:
        assert dial(channel, method, stalled()).code() is grpc.StatusCode.CANCELLED


def test_a_value_that_stops_coming_ends_the_call(party, taken, stalled, monkeypatch):
    monkeypatch.setattr(admission.receive, "__defaults__", (0.2,))
    frames = stalled(*split(b'{"round":1,"task":"task"}'), (100).to_bytes(8, "little") + bytes(99))
    with connect(HOSPITAL, party, "P0MSP") as channel:
        code = dial(channel, "ShareUpload/PutShare", frames).code()
    assert (code, taken) == (grpc.StatusCode.ABORTED, [])
