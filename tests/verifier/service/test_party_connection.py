# SPDX-License-Identifier: Apache-2.0
"""The line between two parties over real sockets: messages of any size, and every way in which it ends."""

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import grpc
import pytest

from medquorum.errors import ProtocolError
from medquorum.verifier.service.connection import connect
from medquorum.verifier.service.line.listener import Lines
from medquorum.verifier.service.party_connection import PartyListener, connect_party
from medquorum.verifier.service.server import Server
from medquorum_testing.encrypted.connection_process import start
from medquorum_testing.encrypted.service_identities import credentials

KNOWN = ("P0MSP", "P1MSP", "OtherMSP")
P0, P1, OTHER = (credentials(name, KNOWN) for name in KNOWN)


@pytest.fixture
def listener():
    with (
        Lines(P0, "127.0.0.1:0") as lines,
        Server(P0, "127.0.0.1:0", [found := PartyListener(lines, silence_timeout=5)]) as server,
    ):
        found.address = server.address
        yield found


def pair(listener, name="line", silence_timeout=5.0):
    with ThreadPoolExecutor(1) as pool:
        second = pool.submit(connect_party, P1, listener.address, "P0MSP", name, 10, silence_timeout)
        first = listener.accept(name, "P1MSP", 10)
        return first, second.result()


def test_messages_of_any_size_both_ways_at_once(listener):
    first, second = pair(listener)
    with closing(first), closing(second), ThreadPoolExecutor(1) as pool:
        for size in (0, 1, (2 << 20) - 1, 2 << 20, (2 << 20) + 1, 20 << 20):
            ours, theirs = bytes([1]) * size, bytes([2]) * size
            answer = pool.submit(second.exchange, theirs)
            assert first.exchange(ours) == theirs
            assert answer.result() == ours
        assert first.rounds == second.rounds == 6
        assert first.bytes_sent == second.bytes_received == second.bytes_sent == first.bytes_received


def test_a_thousand_small_rounds(listener):
    first, second = pair(listener)
    with closing(first), closing(second), ThreadPoolExecutor(1) as pool:
        other = pool.submit(lambda: [second.exchange(bytes([n % 256])) for n in range(1000)])
        assert [first.exchange(b"x" * (n % 5)) for n in range(1000)] == [bytes([n % 256]) for n in range(1000)]
        assert [len(m) for m in other.result()] == [n % 5 for n in range(1000)]


@pytest.mark.parametrize("closes_first", [0, 1])
def test_a_closed_connection_is_told_promptly(listener, closes_first):
    ends = pair(listener)
    waiting = ends[1 - closes_first]
    with ThreadPoolExecutor(1) as pool:
        failing = pool.submit(waiting.exchange, b"anybody")
        ends[closes_first].close()
        begin = time.monotonic()
        with pytest.raises(ProtocolError, match="other party has stopped"):
            failing.result(5)
        with pytest.raises(ProtocolError, match="closed"):
            waiting.exchange(b"")
        waiting.close()
    assert time.monotonic() - begin < 2


@pytest.mark.parametrize("closes_first", [0, 1])
def test_what_was_sent_before_closing_arrives(listener, closes_first):
    ends = pair(listener)
    ends[closes_first].send(b"last" * (1 << 20))
    with ThreadPoolExecutor(1) as pool:
        closing_one = pool.submit(ends[closes_first].close)
        assert ends[1 - closes_first].receive(5) == b"last" * (1 << 20)
        ends[1 - closes_first].close()
        closing_one.result(3)


@pytest.mark.parametrize("reads", [True, False])
def test_a_party_that_goes_on_sending_does_not_hold_up_the_end(listener, monkeypatch, reads):
    """Nor one that takes nothing."""
    monkeypatch.setattr("medquorum.verifier.service.party_connection._GRACE", 0.5)
    first, second = pair(listener)
    begin = time.monotonic()
    for _ in range(1000):
        second.send(bytes(1 << 20))
    if not reads:
        first.send(bytes(64 << 20))
    first.close()
    assert time.monotonic() - begin < 5
    second.hang_up()
    second.close()


@pytest.mark.parametrize("killed", ["P0MSP", "P1MSP"])
def test_a_killed_party_is_noticed_promptly(listener, killed):
    if killed == "P1MSP":
        process, _ = start(P1, "line", "P0MSP", listener.address)
        connection = listener.accept("line", "P1MSP", 20)
    else:
        process, address = start(P0, "line", "P1MSP")
        connection = connect_party(P1, address, "P0MSP", "line", 20)
    with process, closing(connection):
        for _ in range(3):
            assert connection.exchange(b"?") == killed[:2].encode()
        process.kill()
        begin = time.monotonic()
        with pytest.raises(ProtocolError, match="other party has stopped"):
            for _ in range(1000):
                connection.exchange(b"?")
    assert time.monotonic() - begin < 5


def test_a_party_that_hangs_counts_as_silent(listener):
    process, _ = start(P1, "line", "P0MSP", listener.address)
    connection = listener.accept("line", "P1MSP", 20)
    connection._silence_timeout = 0.5
    with process, closing(connection):
        connection.exchange(b"")
        os.kill(process.pid, signal.SIGSTOP)
        with pytest.raises(ProtocolError, match="other party is silent"):
            for _ in range(10):
                connection.exchange(b"")
        process.kill()


def test_silence_ends_an_exchange_at_both_ends(listener):
    first, second = pair(listener, silence_timeout=0.2)
    with pytest.raises(ProtocolError, match="silent"):
        second.exchange(b"")
    second.close()
    assert first.exchange(b"") == b""
    with pytest.raises(ProtocolError, match="stopped"):
        first.exchange(b"")
    first.close()


def test_nothing_is_read_from_within_a_message_that_came_in_part(listener):
    first, second = pair(listener, silence_timeout=0.2)
    whole = b"a message"
    second._line._push(memoryview(len(whole).to_bytes(8, "little") + whole[:4]))
    with closing(second), closing(first):
        first._silence_timeout = 0.2
        with pytest.raises(ProtocolError, match="silent"):
            first.receive()
        second._line._push(memoryview(whole[4:]))
        with pytest.raises(ProtocolError, match="closed"):
            first.receive()


@pytest.mark.slow
def test_the_server_stops_under_a_connection():
    with (
        Lines(P0, "127.0.0.1:0") as lines,
        Server(P0, "127.0.0.1:0", [listener := PartyListener(lines)]) as server,
    ):
        listener.address = server.address
        first, second = pair(listener)
    for connection in (first, second):
        with pytest.raises(ProtocolError, match="stopped"):
            connection.exchange(b"")
        connection.close()
    with (
        Lines(P0, listener.address, lines.port) as lines,
        Server(P0, listener.address, [again := PartyListener(lines)]),
    ):
        again.address = listener.address
        first, second = pair(again)
        with ThreadPoolExecutor(1) as pool:
            answer = pool.submit(first.exchange, b"again")
            assert second.exchange(b"") == b"again"
            answer.result()
        first.close()
        second.close()


def test_several_connections_at_once_keep_apart(listener):
    with ThreadPoolExecutor(4) as pool:
        ends = list(pool.map(lambda name: pair(listener, name), "abcd"))
        for number, (first, second) in enumerate(ends):
            other = pool.submit(second.exchange, bytes([number]))
            assert first.exchange(b"") == bytes([number])
            other.result()
        for end in (one for both in ends for one in both):
            end.close()


@pytest.mark.slow
def test_nobody_waits_or_nobody_comes(listener):
    with pytest.raises(ProtocolError, match="connection line is not awaited from P1MSP now"):
        connect_party(P1, listener.address, "P0MSP", "line", 0.5)
    with pytest.raises(ProtocolError, match="P1MSP did not open the connection line within 0 s"):
        listener.accept("line", "P1MSP", 0.1)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(listener.accept, "line", "P1MSP", 2)
        with pytest.raises(ProtocolError, match="not awaited from OtherMSP"):
            connect_party(OTHER, listener.address, "P0MSP", "line", 0.5)
        with pytest.raises(ProtocolError, match="awaited already"):
            listener.accept("line", "P1MSP", 0.1)
        with pytest.raises(ProtocolError, match="P1MSP did not open"):
            waiting.result()
    with pytest.raises(ProtocolError, match="does not show a certificate of OtherMSP"):
        connect_party(P1, listener.address, "OtherMSP", "line", 5)


@pytest.mark.parametrize("header", [b"\xff", b"[]", b'{"connection":1}', b'{"connection":' + b" " * 4096 + b'"line"}'])
def test_a_header_that_is_none_is_refused(listener, header):
    with connect(P1, listener.address, "P0MSP") as channel, pytest.raises(grpc.RpcError) as raised:
        channel.unary_unary("/medquorum.PartyConnection/Open")(header, timeout=5)
    assert raised.value.code() is grpc.StatusCode.ABORTED


def test_what_is_no_message_ends_the_connection(listener):
    first, second = pair(listener)
    second._line._push(memoryview((1 << 60).to_bytes(8, "little")))
    with pytest.raises(ProtocolError, match="was announced"):
        first.exchange(b"")
    second.hang_up()
    for connection in (first, second):
        connection.close()
