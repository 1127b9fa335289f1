# SPDX-License-Identifier: Apache-2.0
"""Turns: one works at a time, in a fixed order, and the line carries the messages of both."""

from collections import deque
from contextvars import ContextVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medquorum.errors import ProtocolError
from medquorum.verifier.opening.interleave import ByTurns, pairs, take_turns


@given(st.lists(st.integers(0, 6), max_size=4))
def test_the_order_is_a_round_of_those_that_are_left(passes):
    """Whoever has fewer steps leaves the table; the others go on in the same order."""
    seen = []

    def task(index):
        def work(turn):
            for step in range(passes[index]):
                seen.append((step, index))
                turn.pass_on()
            seen.append((passes[index], index))

        return work

    take_turns([task(index) for index in range(len(passes))])
    assert seen == sorted((step, index) for index, count in enumerate(passes) for step in range(count + 1))


@pytest.mark.parametrize("failing", [0, 1])
@pytest.mark.parametrize("error", [ProtocolError("gone", "Begin anew"), KeyboardInterrupt()])
def test_the_first_failure_ends_all_and_is_what_comes_out(failing, error):
    reached = []

    def task(index):
        def work(turn):
            for step in range(10):
                turn.pass_on()
                reached.append((step, index))
                if (step, index) == (3, failing):
                    raise error

        def cleaned(turn):
            try:
                work(turn)
            finally:
                ended.append(index)

        return cleaned

    ended = []
    with pytest.raises(type(error)) as raised:
        take_turns([task(0), task(1)])
    assert raised.value is error
    assert max(step for step, _ in reached) == 3
    assert ended == [failing, 1 - failing]


def test_what_the_caller_has_bound_is_bound_in_all():
    name, seen = ContextVar("name"), []

    def work(turn):
        turn.pass_on()
        seen.append(name.get())

    name.set("round 7")
    take_turns([work, work])
    assert seen == ["round 7"] * 2


class EchoTransport:
    """A line that answers each message with itself, and notes what was done on it."""

    bytes_sent = bytes_received = rounds = 0

    def __init__(self):
        self.waiting, self.done = deque(), []

    def send(self, message):
        self.waiting.append(message)
        self.done.append(("sent", message))

    def receive(self):
        message = self.waiting.popleft()
        self.done.append(("received", message))
        return message


def test_while_one_waits_for_its_answer_the_other_sends():
    transport, answers = EchoTransport(), {}

    def task(index):
        def work(turn):
            own = ByTurns(transport, turn)
            answers[index] = [own.exchange(b"%d %d" % (step, index)) for step in range(3)]

        return work

    take_turns([task(0), task(1)])
    assert answers == {index: [b"%d %d" % (step, index) for step in range(3)] for index in (0, 1)}
    assert transport.done == [
        ("sent", b"0 0"),
        ("sent", b"0 1"),
        ("received", b"0 0"),
        ("sent", b"1 0"),
        ("received", b"0 1"),
        ("sent", b"1 1"),
        ("received", b"1 0"),
        ("sent", b"2 0"),
        ("received", b"1 1"),
        ("sent", b"2 1"),
        ("received", b"2 0"),
        ("received", b"2 1"),
    ]


@pytest.mark.parametrize("count", range(6))
def test_pairs_are_all_items_in_order(count):
    found = [list(pair) for pair in pairs(range(count))]
    assert [item for pair in found for item in pair] == list(range(count))
    assert [len(pair) for pair in found] == [2] * (count // 2) + [1] * (count % 2)
