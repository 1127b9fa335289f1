# SPDX-License-Identifier: Apache-2.0
"""The line between two parties over real sockets: messages of any size, and every way in which it ends."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from service_identities import credentials

from medquorum import ProtocolError
from verifier.service.line import Lines, open_line
from verifier.service.server import Server

KNOWN = ("P0MSP", "P1MSP")


@pytest.fixture
def lines():
    found = Lines(patience=5)
    with Server(credentials("P0MSP", KNOWN), "127.0.0.1:0", [found]) as server:
        found.address = server.address
        yield found


def pair(lines, name="line", patience=5.0):
    with ThreadPoolExecutor(1) as pool:
        second = pool.submit(open_line, credentials("P1MSP", KNOWN), lines.address, "P0MSP", name, 10, patience)
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
        begin = time.perf_counter()
        assert [first.exchange(b"x" * (n % 5)) for n in range(1000)] == [bytes([n % 256]) for n in range(1000)]
        print((time.perf_counter() - begin) / 1000)
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
