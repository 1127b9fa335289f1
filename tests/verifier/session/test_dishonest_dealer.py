# SPDX-License-Identifier: Apache-2.0
"""A dealer that deals something else: both parties attest the same, perhaps wrong, result, or both end with an error.

One bit of one gate's message is flipped, which leaves its length. The seeds are fixed, so that a bit always does the
same.
"""

import itertools

import numpy as np
import pytest

from medquorum.errors import ProtocolError
from medquorum_testing.encrypted.local_dealer import LocalDealer
from medquorum_testing.encrypted.one_session import CASE, both, correct, spec

TRUTH = correct(CASE.flat())
HEADER = 8
"""Bytes of the length in front of a message."""
GATES = ["mixed/2/relu2", "mixed/correct"]


class DishonestDealer(LocalDealer):
    """Changes a gate's messages to some parties by ``change``."""

    def __init__(self, the_spec, gate, receivers, change):
        super().__init__(the_spec)
        self.gate, self.receivers, self.change = gate, receivers, change
        self.changed = 0

    def _send(self, channels, dealing):
        name, messages = dealing
        if name.gate == self.gate:
            self.changed += 1
            messages = tuple(
                self.change(bytes(message)) if party in self.receivers else message
                for party, message in enumerate(messages)
            )
        super()._send(channels, (name, messages))


@pytest.fixture
def attempt(tmp_path, monkeypatch):
    """Verify with a dishonest dealer; both parties' ends."""
    folders = (tmp_path / str(number) for number in itertools.count())

    def verified(comparison, only_bit, gate, receivers, change):
        seeds = itertools.count(1)
        monkeypatch.setattr("medquorum_testing.encrypted.local_dealer.new_seed", lambda: bytes([next(seeds)]) * 32)
        dealer = DishonestDealer(spec(comparison, only_bit=only_bit), gate, receivers, change)
        ends = both(next(folders), dealer, np.array([TRUTH]) if only_bit else None)
        assert dealer.changed == 1
        return ends

    return verified


def flipped(part):
    """Flip one bit, so far into what follows the length; the message keeps its length."""

    def change(message):
        changed = bytearray(message)
        changed[HEADER + int(part * (len(message) - HEADER))] ^= 1
        return bytes(changed)

    return change


@pytest.mark.slow
@pytest.mark.parametrize("only_bit", [False, True])
@pytest.mark.parametrize(
    ("comparison", "receivers"),
    [
        pytest.param("tree", (1,), id="tree"),
        pytest.param("fss", (0, 1), id="the same wrong keys"),
        pytest.param("fss", (0,), id="wrong keys for P0"),
        pytest.param("fss", (1,), id="wrong keys for P1"),
    ],
)
def test_a_flipped_bit_makes_both_attest_the_same_result(attempt, only_bit, comparison, receivers):
    """The result is wrong for some of the bits: nobody notices."""
    honest = (True, () if only_bit else (TRUTH,))
    found = set()
    for gate, part in itertools.product(GATES, np.linspace(0, 0.95, 20)):
        first, second = attempt(comparison, only_bit, gate, receivers, flipped(part))
        assert first == second, "the transcript included"
        found.add((first.holds, first.counts))
    assert honest in found
    assert len(found) > 1


@pytest.mark.parametrize("only_bit", [False, True])
@pytest.mark.parametrize(("gate", "receiver"), [("range/0", 1), ("mixed/2/relu2", 0), ("decision", 0), ("decision", 1)])
@pytest.mark.parametrize("bit", [0, 3, 63])
def test_a_flipped_length_ends_both_with_an_error(attempt, only_bit, gate, receiver, bit):
    def change(message):
        length = int.from_bytes(message[:HEADER], "little") ^ (1 << bit)
        return length.to_bytes(HEADER, "little") + message[HEADER:]

    ends = attempt("fss", only_bit, gate, (receiver,), change)
    assert all(isinstance(end, ProtocolError) for end in ends)
    assert "too short" in str(ends[receiver]) or "left over" in str(ends[receiver])
    assert "has stopped" in str(ends[1 - receiver])


@pytest.mark.parametrize("only_bit", [False, True])
@pytest.mark.parametrize("gate", ["mixed/correct", "decision"])
@pytest.mark.parametrize("receiver", [0, 1])
def test_a_longer_message_ends_both_with_an_error(attempt, only_bit, gate, receiver):
    """Also the last gate's: it is used up before the result is opened, so that not one party alone has it."""
    ends = attempt("tree", only_bit, gate, (receiver,), lambda message: message + b"\0")
    assert all(isinstance(end, ProtocolError) for end in ends)
    assert "left over" in str(ends[receiver])
    assert "has stopped" in str(ends[1 - receiver])
