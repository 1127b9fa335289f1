# SPDX-License-Identifier: Apache-2.0
"""The line between two parties over real sockets: messages of any size, and every way in which it ends."""

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress

import grpc
import pytest

from medquorum.errors import ProtocolError
from medquorum.network.supervision.waiting import await_true
from medquorum.verifier.service.connection import connect
from medquorum.verifier.service.frames import split
from medquorum.verifier.service.party_connection import Lines, open_line
from medquorum.verifier.service.server import Server
from medquorum_testing.line_process import start
from medquorum_testing.service_identities import credentials

KNOWN = ("P0MSP", "P1MSP", "OtherMSP")
P0, P1, OTHER = (credentials(name, KNOWN) for name in KNOWN)


@pytest.fixture
def lines():
    found = Lines(patience=5)
    with Server(P0, "127.0.0.1:0", [found]) as server:
        found.address = server.address
        yield found


def pair(lines, name="line", patience=5.0):
    with ThreadPoolExecutor(1) as pool:
        second = pool.submit(open_line, P1, lines.address, "P0MSP", name, 10, patience)
        first = lines.accept(name, "P1MSP", 10)
        return first, second.result()


def test_messages_of_any_size_both_ways_at_once(lines):
    first, second = pair(lines)
    with closing(first), closing(second), ThreadPoolExecutor(1) as pool:
        for size in (0, 1, (2 << 20) - 1, 2 << 20, (2 << 20) + 1, 20 << 20):
            ours, theirs = bytes([1]) * size, bytes([2]) * size
            answer = pool.submit(second.exchange, theirs)
            assert first.exchange(ours) == theirs
            assert answer.result() == ours
        assert first.rounds == second.rounds == 6
        assert first.bytes_sent == second.bytes_received == second.bytes_sent == first.bytes_received


def test_a_thousand_small_rounds(lines):
    first, second = pair(lines)
    with closing(first), closing(second), ThreadPoolExecutor(1) as pool:
        other = pool.submit(lambda: [second.exchange(bytes([n % 256])) for n in range(1000)])
        assert [first.exchange(b"x" * (n % 5)) for n in range(1000)] == [bytes([n % 256]) for n in range(1000)]
        assert [len(m) for m in other.result()] == [n % 5 for n in range(1000)]


@pytest.mark.parametrize("closes_first", [0, 1])
def test_a_closed_line_is_told_promptly(lines, closes_first):
    ends = pair(lines)
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
def test_what_was_sent_before_closing_arrives(lines, closes_first):
    ends = pair(lines)
    ends[closes_first].send(b"last" * (1 << 20))
    with ThreadPoolExecutor(1) as pool:
        closing_one = pool.submit(ends[closes_first].close)
        assert ends[1 - closes_first].receive(5) == b"last" * (1 << 20)
        ends[1 - closes_first].close()
        closing_one.result(3)


@pytest.mark.parametrize("killed", ["P0MSP", "P1MSP"])
def test_a_killed_party_is_noticed_promptly(lines, killed):
    if killed == "P1MSP":
        process, _ = start(P1, "line", "P0MSP", lines.address)
        line = lines.accept("line", "P1MSP", 20)
    else:
        process, address = start(P0, "line", "P1MSP")
        line = open_line(P1, address, "P0MSP", "line", 20)
    with process, closing(line):
        for _ in range(3):
            assert line.exchange(b"?") == killed[:2].encode()
        process.kill()
        begin = time.monotonic()
        with pytest.raises(ProtocolError, match="other party has stopped"):
            for _ in range(1000):
                line.exchange(b"?")
    assert time.monotonic() - begin < 5


def test_a_party_that_hangs_counts_as_silent(lines):
    process, _ = start(P1, "line", "P0MSP", lines.address)
    line = lines.accept("line", "P1MSP", 20)
    line._patience = 0.5
    with process, closing(line):
        line.exchange(b"")
        os.kill(process.pid, signal.SIGSTOP)
        with pytest.raises(ProtocolError, match="other party is silent"):
            for _ in range(10):
                line.exchange(b"")
        process.kill()


def test_silence_ends_an_exchange_at_both_ends(lines):
    first, second = pair(lines, patience=0.2)
    with pytest.raises(ProtocolError, match="silent"):
        second.exchange(b"")
    second.close()
    assert first.exchange(b"") == b""
    with pytest.raises(ProtocolError, match="stopped"):
        first.exchange(b"")
    first.close()


def test_the_server_stops_under_a_line():
    lines = Lines()
    with Server(P0, "127.0.0.1:0", [lines]) as server:
        lines.address = server.address
        first, second = pair(lines)
    for line in (first, second):
        with pytest.raises(ProtocolError, match="stopped"):
            line.exchange(b"")
        line.close()
    with Server(P0, lines.address, [lines]):
        first, second = pair(lines)
        with ThreadPoolExecutor(1) as pool:
            answer = pool.submit(first.exchange, b"again")
            assert second.exchange(b"") == b"again"
            answer.result()
        first.close()
        second.close()


def test_several_lines_at_once_keep_apart(lines):
    with ThreadPoolExecutor(4) as pool:
        ends = list(pool.map(lambda name: pair(lines, name), "abcd"))
        for number, (first, second) in enumerate(ends):
            other = pool.submit(second.exchange, bytes([number]))
            assert first.exchange(b"") == bytes([number])
            other.result()
        for end in (one for both in ends for one in both):
            end.close()


def test_nobody_waits_or_nobody_comes(lines):
    with pytest.raises(ProtocolError, match="line is not awaited from P1MSP now"):
        open_line(P1, lines.address, "P0MSP", "line", 0.5)
    with pytest.raises(ProtocolError, match="P1MSP did not open the line line within 0 s"):
        lines.accept("line", "P1MSP", 0.1)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(lines.accept, "line", "P1MSP", 2)
        with pytest.raises(ProtocolError, match="not awaited from OtherMSP"):
            open_line(OTHER, lines.address, "P0MSP", "line", 0.5)
        with pytest.raises(ProtocolError, match="awaited already"):
            lines.accept("line", "P1MSP", 0.1)
        with pytest.raises(ProtocolError, match="P1MSP did not open"):
            waiting.result()
    with pytest.raises(ProtocolError, match="does not show a certificate of OtherMSP"):
        open_line(P1, lines.address, "OtherMSP", "line", 5)


@pytest.mark.parametrize("header", [b"\xff", b"[]", b'{"line":1}', b'{"line":' + b" " * 4096 + b'"line"}'])
def test_a_header_that_is_none_is_refused(lines, header):
    with connect(P1, lines.address, "P0MSP") as channel, pytest.raises(grpc.RpcError) as raised:
        next(iter(channel.stream_stream("/medquorum.Line/Open")(split(header))))
    assert raised.value.code() is grpc.StatusCode.ABORTED


def test_what_is_no_message_ends_the_line(lines):
    with ThreadPoolExecutor(1) as pool, connect(P1, lines.address, "P0MSP") as channel:
        accepted = pool.submit(lines.accept, "line", "P1MSP", 5)
        await_true(lambda: bool(lines._awaited), 5, "P0 does not wait for the line")
        frames = iter([*split(b'{"line":"line"}'), (1 << 60).to_bytes(8, "little")])
        call = channel.stream_stream("/medquorum.Line/Open")(frames)
        line = accepted.result()
        with pytest.raises(ProtocolError, match="was announced"):
            line.exchange(b"")
        line.close()
        with suppress(grpc.RpcError):  # the end of the call, however it comes
            list(call)
