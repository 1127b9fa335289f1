# SPDX-License-Identifier: Apache-2.0
"""What the other party says at the begin of a verification, to a session with a journal of its own."""

from medquorum.core import canonical
from medquorum.errors import ProtocolError
from medquorum.verifier.session.greeting import Greeting, hashed
from medquorum.verifier.session.journal import Journal
from medquorum.verifier.session.session import PartyInputs, Session
from medquorum_testing.fuzzing import scratch_file
from medquorum_testing.one_session import CASE, spec

SPEC = spec("tree", only_bit=False)
INPUTS = PartyInputs(CASE.base, CASE.flat())
PATH = scratch_file("greeted.journal")
GREETING = Greeting(
    attempts=0,
    batches=(),
    comparing=None,
    facts=hashed(SPEC.facts),
    images=True,
    refusals=0,
    share=True,
    statement=None,
)
SEEDS = [
    canonical.encode(GREETING.model_dump(mode="json") | changes)
    for changes in ({}, {"attempts": 7, "batches": [1, 3]}, {"comparing": "fss"}, {"images": False}, {"share": False})
]


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


def no_material(*_: object) -> None:
    raise ProtocolError("the dealer is away")


def run(data: bytes) -> None:
    PATH.unlink(missing_ok=True)
    for index in (0, 1):
        Session(index, Transport(data), Journal(PATH), SPEC, INPUTS, no_material, lambda: 1e9).run()
