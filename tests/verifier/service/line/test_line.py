# SPDX-License-Identifier: Apache-2.0
"""Messages on a line: of any size, both ways at once, and every way in which they stop."""

import resource
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medquorum.errors import ProtocolError
from medquorum.network.supervision.waiting import await_true
from medquorum.verifier.service.line.line import _SLICE, LONGEST
from medquorum.verifier.service.line.listener import Lines
from medquorum.verifier.service.line.offer import dial
from medquorum_testing.encrypted.service_identities import credentials

KNOWN = ("P0MSP", "P1MSP")
P0, P1 = (credentials(name, KNOWN) for name in KNOWN)


@pytest.fixture(scope="module")
def lines():
    with Lines(P0, "127.0.0.1:0") as found:
        yield found


def pair(lines):
    with lines.expect("P1MSP") as expected:
        second = dial(P1, "127.0.0.1:0", "P0MSP", expected.offer, 5)
        return expected.line(5), second


@pytest.fixture
def ends(lines):
    both = pair(lines)
    yield both
    for line in both:
        line.hang_up()
        line.finish(0)


@pytest.fixture(scope="module")
def kept(lines):
    both = pair(lines)
    yield both
    for line in both:
        line.finish(0)


@settings(max_examples=50, deadline=None)
@given(sizes=st.lists(st.lists(st.sampled_from([0, 1, 7, 16375, 16376, 16377, 16384, 40000]), max_size=4), max_size=5))
def test_parts_are_one_message(kept, sizes):
    first, second = kept
    for parts in sizes:
        sent = [bytes([number + 1]) * size for number, size in enumerate(parts)]
        first.write(*sent)
        assert bytes(second.read(5)) == b"".join(sent)


def test_both_directions_at_once_in_four_threads(ends):
    messages = [bytes([n]) * (n * 100_003) for n in range(20)]

    def written(line):
        for message in messages:
            line.write(message)

    with ThreadPoolExecutor(4) as pool:
        writers = [pool.submit(written, line) for line in ends]
        readers = [pool.submit(lambda line: [bytes(line.read(20)) for _ in messages], line) for line in ends]
        assert all(reader.result() == messages for reader in readers)
        assert [writer.result() for writer in writers] == [None, None]


def test_silence_is_told_and_ends_nothing(ends):
    first, second = ends
    with pytest.raises(TimeoutError):
        first.read(0.05)
    second.write(b"late")
    assert bytes(first.read(5)) == b"late"


def test_a_message_that_comes_slowly_is_silent_however_often_a_byte_comes(ends):
    first, second = ends
    second._push(memoryview((_SLICE + 1).to_bytes(8, "little")))
    stop = threading.Event()

    def trickle():
        while not stop.wait(0.01):
            second._push(memoryview(b"x"))

    thread = threading.Thread(target=trickle)
    thread.start()
    begin = time.monotonic()
    with pytest.raises(TimeoutError):
        first.read(0.3)
    assert time.monotonic() - begin < 5
    stop.set()
    thread.join()


def test_a_long_message_is_refused_before_any_of_it_is_taken(ends):
    first, second = ends
    second.write(bytes(101))
    with pytest.raises(ProtocolError, match="a message of 101 bytes was announced"):
        first.read(5, longest=100)


def test_what_is_only_announced_takes_no_memory(ends):
    first, second = ends
    second._push(memoryview(LONGEST.to_bytes(8, "little")))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(TimeoutError):
        first.read(0.2)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < LONGEST >> 13  # an eighth, in KiB


def test_what_was_written_before_the_end_arrives(ends):
    first, second = ends
    with ThreadPoolExecutor(1) as pool:

        def last():
            first.write(b"last" * (1 << 20))
            return first.finish(5)

        ended = pool.submit(last)
        assert bytes(second.read(5)) == b"last" * (1 << 20)
        with pytest.raises(ConnectionError):
            second.read(5)
        second.finish(5)
        assert ended.result()


def test_an_end_within_a_message_is_an_end(ends):
    first, second = ends
    second._push(memoryview((10).to_bytes(8, "little") + b"half"))
    second.hang_up()
    with pytest.raises(ConnectionError):
        first.read(5)


def test_a_changed_byte_ends_the_line(ends):
    first, second = ends
    socket.socket.send(second._connection, b"\x17\x03\x03\x00\x20" + bytes(32))  # a record under no key
    with pytest.raises(ConnectionError):
        first.read(5)


def test_hanging_up_wakes_who_reads_and_who_writes(ends):
    first, _ = ends
    with ThreadPoolExecutor(2) as pool:
        reading = pool.submit(first.read, 60)
        writing = pool.submit(first.write, bytes(64 << 20))
        await_true(lambda: reading.running() and writing.running(), 5, "nobody reads and writes")
        first.hang_up()
        for waiting in (reading, writing):
            with pytest.raises(ConnectionError):
                waiting.result(5)
