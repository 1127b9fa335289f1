# SPDX-License-Identifier: Apache-2.0
"""An update reveals one result, whatever hangs up, is killed or lies; nobody chooses its share after the other's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from medquorum.errors import MaterialError, ProtocolError
from medquorum.verifier.opening.result import BIT_BYTES, HASH_BYTES, SALT_BYTES
from medquorum.verifier.opening.transport import WrappedTransport
from medquorum.verifier.session.greeting import ATTEMPTS, REFUSALS, Greeting, Refusal, refusal
from medquorum.verifier.session.journal import Journal
from medquorum.verifier.session.session import OpenedResult
from medquorum_testing.encrypted.local_dealer import LocalDealer
from medquorum_testing.encrypted.one_session import CASE, both, correct, spec

WORD = Greeting(
    attempts=0,
    batches=(),
    comparing=None,
    dealt=0,
    facts={},
    images=True,
    refusals=0,
    result=0,
    revealing=False,
    share=True,
    statement=None,
)


def words(*changes: dict[str, Any]) -> tuple[Greeting, Greeting]:
    first, second = (WORD.model_copy(update=change) for change in changes)
    return first, second


@pytest.mark.parametrize(
    ("first", "second", "found"),
    [
        ({}, {}, None),
        ({"images": False}, {"images": False}, ("DATASET", (0,))),
        ({}, {"images": False}, None),
        ({"share": False}, {}, ("DISPUTED", (0,))),
        ({}, {"share": False}, ("DISPUTED", (1,))),
        ({"share": False}, {"share": False}, ("DISPUTED", (0, 1))),
        ({"refusals": REFUSALS}, {}, ("NO_MATERIAL", (0,))),
        ({"dealt": ATTEMPTS}, {"dealt": ATTEMPTS - 1}, ("NO_MATERIAL", (0,))),
        ({"dealt": ATTEMPTS}, {"dealt": ATTEMPTS}, ("NO_MATERIAL", (0, 1))),
        ({"result": 2}, {"result": 2, "revealing": True, "share": False}, None),
        ({"result": 2}, {"result": 1}, None),
        ({"result": 2, "revealing": True}, {"result": 0}, ("NO_MATERIAL", (1,))),
        ({"result": 2, "images": False}, {"result": 3, "revealing": True}, ("NO_MATERIAL", (0,))),
        ({"result": 2, "revealing": True}, {"result": 3, "revealing": True}, ("NO_MATERIAL", (0, 1))),
    ],
)
def test_a_refusal_names_those_who_say_so(first: dict[str, Any], second: dict[str, Any], found: Any) -> None:
    assert refusal(*words(first, second)) == (None if found is None else Refusal(*found))


class Line(WrappedTransport):
    """A party's line whose messages a test sees."""

    def __init__(self, inner: Any) -> None:
        super().__init__(inner)
        self.close = inner.close
        self.sent: list[int] = []

    def send(self, message: bytes) -> None:
        self.sent.append(len(message))
        super().send(message)


class Stops(Line):
    """A party that hangs up at its message of this number: before it is sent, or before the answer is taken."""

    def __init__(self, inner: Any, number: int, *, sends: bool) -> None:
        super().__init__(inner)
        self._number = number
        self._sends = sends

    def send(self, message: bytes) -> None:
        if len(self.sent) >= self._number and not self._sends:
            raise ProtocolError("killed")
        super().send(message)

    def receive(self) -> bytes:
        if len(self.sent) > self._number:
            raise ProtocolError("killed")
        return super().receive()


class Rushing(Line):
    """A party that waits for the other one's value, then answers what it likes."""

    def __init__(self, inner: Any, answer: Callable[[bytes, bytes], bytes]) -> None:
        super().__init__(inner)
        self._answer = answer
        self._heard: bytes | None = None

    def send(self, message: bytes) -> None:
        if len(message) not in (HASH_BYTES, BIT_BYTES):
            super().send(message)
            return
        self._heard = super().receive()
        super().send(self._answer(message, self._heard))

    def receive(self) -> bytes:
        heard, self._heard = self._heard, None
        return super().receive() if heard is None else heard


def chosen(bit: int) -> Callable[[bytes, bytes], bytes]:
    """Answer the bit's value so that both open this one; commit as one should."""

    def answer(message: bytes, theirs: bytes) -> bytes:
        if len(message) != BIT_BYTES:
            return message
        return message[:SALT_BYTES] + bytes([theirs[SALT_BYTES] ^ bit]) + message[SALT_BYTES + 1 :]

    return answer


@pytest.mark.parametrize("liar", [0, 1])
@pytest.mark.parametrize("bit", [0, 1])
def test_a_party_that_waits_for_the_other_ones_share_does_not_set_the_verdict(
    tmp_path: Path, liar: int, bit: int
) -> None:
    minimum = np.array([correct(CASE.flat()) + bit], dtype=np.int64)  # the true bit is the other one
    dealer = LocalDealer(spec("tree", only_bit=True))
    found = both(tmp_path, dealer, minimum, lines={liar: lambda inner: Rushing(inner, chosen(bit))})
    honest = found[1 - liar]
    assert isinstance(honest, ProtocolError)
    assert f"party P{liar} reveals another share" in str(honest)


@pytest.mark.parametrize("liar", [0, 1])
def test_the_other_partys_own_commitment_is_nobody_elses(tmp_path: Path, liar: int) -> None:
    """Repeating what the other one sends would make every verdict's bit 0."""
    dealer = LocalDealer(spec("tree", only_bit=True))
    minimum = np.zeros(1, dtype=np.int64)
    found = both(tmp_path, dealer, minimum, lines={liar: lambda inner: Rushing(inner, lambda message, theirs: theirs)})
    honest = found[1 - liar]
    assert isinstance(honest, ProtocolError)
    assert f"party P{liar} reveals another share" in str(honest)


@pytest.mark.parametrize("only_bit", [True, False])
@pytest.mark.parametrize("sends", [True, False])
@pytest.mark.parametrize("victim", [0, 1])
def test_after_the_opening_no_new_attempt_begins(tmp_path: Path, victim: int, sends: bool, only_bit: bool) -> None:
    """The last three messages are the commitments and the openings: each time one result, in one attempt."""
    minimum = np.array([correct(CASE.flat())], dtype=np.int64) if only_bit else None
    seen: list[Line] = []

    def watched(inner: Any) -> Line:
        seen.append(Line(inner))
        return seen[0]

    both(tmp_path / "whole", LocalDealer(spec("tree", only_bit=only_bit)), minimum, lines={victim: watched})
    for back in range(1, 3 if only_bit else 4):
        folder, dealer = tmp_path / str(back), LocalDealer(spec("tree", only_bit=only_bit))
        stop = len(seen[0].sent) - back
        both(folder, dealer, minimum, lines={victim: lambda inner, at=stop: Stops(inner, at, sends=sends)})
        first, second = both(folder, dealer, minimum)
        assert isinstance(first, OpenedResult)
        assert first == second
        assert (first.holds, first.counts) == (True, () if only_bit else (correct(CASE.flat()),))
        assert dealer.attempts == [(1, 0)], "the share of the first attempt was revealed, nothing evaluated again"


def test_a_party_that_forgets_its_result_after_the_reveal_gets_no_other(tmp_path: Path) -> None:
    dealer = LocalDealer(spec("tree", only_bit=False))
    assert isinstance(both(tmp_path, dealer)[0], OpenedResult)
    journal = tmp_path / "0" / "Hospital1MSP.journal"
    for forgotten in ("all", "result"):
        lines = journal.read_bytes().splitlines(keepends=True)
        journal.write_bytes(b"" if forgotten == "all" else b"".join(line for line in lines if b'"values"' not in line))
        first, second = both(tmp_path, dealer)
        assert isinstance(first, OpenedResult)
        assert first == second
        assert first.refusal == Refusal("NO_MATERIAL", (0,))
        assert dealer.attempts == [(1, 0)]
        journal.write_bytes(b"".join(lines))


def test_another_commitment_than_before_is_refused(tmp_path: Path) -> None:
    dealer = LocalDealer(spec("tree", only_bit=False))
    both(tmp_path, dealer)
    journal = tmp_path / "0" / "Hospital1MSP.journal"
    kept = Journal(journal).result
    assert kept is not None
    value = kept.share.values[0].hex()
    journal.write_text(journal.read_text().replace(value, value[:-1] + ("1" if value[-1] == "0" else "0")))
    second = both(tmp_path, dealer)[1]
    assert isinstance(second, ProtocolError)
    assert "party P0 commits to another share" in str(second)


def test_attempts_are_bounded(tmp_path: Path) -> None:
    dealer = LocalDealer(spec("tree", only_bit=False))
    for _ in range(ATTEMPTS):
        both(tmp_path, dealer, lines={1: lambda inner: Stops(inner, 4, sends=False)})
    first, second = both(tmp_path, dealer)
    assert isinstance(first, OpenedResult)
    assert first == second
    assert first.refusal == Refusal("NO_MATERIAL", (0, 1))
    assert len(dealer.attempts) == ATTEMPTS


def test_what_may_be_known_is_never_evaluated_again(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "a.journal")
    journal.begin(1, 0, "tree")
    journal.reveal(bytes(64))
    for again in (journal, Journal(tmp_path / "a.journal")):
        with pytest.raises(MaterialError, match="may be known"):
            again.begin(2, 0, "tree")
