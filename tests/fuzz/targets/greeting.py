# SPDX-License-Identifier: Apache-2.0
"""What the other party says at the begin of a verification, to a session with a journal of its own."""

from medquorum.core import canonical
from medquorum.errors import ProtocolError
from medquorum.verifier.opening.result import BIT_BYTES, ResultShare
from medquorum.verifier.session.greeting import Greeting, hashed
from medquorum.verifier.session.journal import Journal, KeptResult
from medquorum.verifier.session.session import Session
from medquorum.verifier.session.spec import Material, PartyInputs
from medquorum_testing.encrypted.one_session import CASE, spec
from medquorum_testing.fuzzing.runner import scratch_file

SPEC = spec("tree", only_bit=False)
PATH = scratch_file("greeted.journal")
SHARE = ResultShare((bytes(BIT_BYTES), bytes(36)))
GREETING = Greeting(
    attempts=0,
    batches=(),
    comparing=None,
    dealt=0,
    facts=hashed(SPEC.facts),
    images=True,
    refusals=0,
    result=0,
    revealing=False,
    share=True,
    statement=None,
)
CHANGES: list[dict[str, object]] = [
    {},
    {"attempts": 7, "batches": [1, 3], "dealt": 2},
    {"attempts": 1, "result": 1},
    {"attempts": 1, "result": 1, "revealing": True},
    {"comparing": "fss"},
    {"images": False},
    {"share": False},
]
SEEDS = [canonical.encode(GREETING.model_dump(mode="json") | changes) for changes in CHANGES]


class Transport:
    """The other party's messages: its greeting again and again."""

    def __init__(self, said: bytes) -> None:
        self._said = said

    def exchange(self, message: bytes) -> bytes:
        return self._said

    def send(self, message: bytes) -> None:
        pass

    def receive(self) -> bytes:
        return self._said

    def close(self) -> None:
        pass


class NoDealer:
    """A dealer that is away."""

    def take(self, *_: object) -> Material:
        raise ProtocolError("the dealer is away")

    def bandwidth(self) -> float:
        return 1e9


def receiver(data: bytes) -> str:
    return f"P{sum(data) % 2}"


def run(data: bytes) -> None:
    """Greet a party that is at its begin, or one whose share of the result is on its disk."""
    index, begun = sum(data) % 2, sum(data) % 3 == 0
    PATH.unlink(missing_ok=True)
    journal = Journal(PATH)
    if begun:
        journal.begin(1, 0, "tree")
        journal.keep_result(KeptResult(1, SHARE, None, ("a", "b")))
    Session(PartyInputs(index, SPEC, journal, NoDealer(), CASE.base, CASE.flat())).run(Transport(data))
