# SPDX-License-Identifier: Apache-2.0
"""A whole verification in which one message is bent: of the dealer's material, or of what the parties exchange.

Five bytes say whose, under which comparison, which message and how; the rest is what it is bent with.
"""

import shutil

from medquorum.verifier.opening.transport import WrappedTransport
from medquorum.verifier.randomness.identifier import MaterialId
from medquorum_testing.encrypted.local_dealer import LocalDealer, LocalMaterial
from medquorum_testing.encrypted.one_session import both, spec
from medquorum_testing.fuzzing.runner import scratch_file

FOLDER = scratch_file("sessions")
COMPARISONS = ("tree", "fss")
MESSAGES = 40
"""Of each kind in a verification, or a few more."""
SEEDS = [
    bytes([whose, comparison, message, how]) + rest
    for whose in range(4)
    for comparison in range(2)
    for message in (0, 1, 7)
    for how, rest in ((0, b""), (0, bytes(8)), (1, b"\x08"), (2, b"\xff" * 9), (3, bytes(8)))
]


class Bender:
    """Bends the message of one number."""

    def __init__(self, number: int, how: int, rest: bytes) -> None:
        self._left = number
        self._how = how
        self._rest = rest

    def bent(self, message: bytes) -> bytes:
        self._left -= 1
        if self._left != -1:
            return message
        rest = self._rest
        return (
            rest,
            message[: max(0, len(message) - (rest[0] if rest else 1))],
            bytes(a ^ b for a, b in zip(message, rest.ljust(len(message), b"\0"), strict=False)),
            message + rest,
        )[self._how]


class BentLine(WrappedTransport):
    """A party's line to the other, whose word is bent."""

    def __init__(self, inner: object, bender: Bender) -> None:
        super().__init__(inner)
        self._inner = inner
        self._bender = bender

    def receive(self) -> bytes:
        return self._bender.bent(super().receive())

    def close(self) -> None:
        self._inner.close()


class BentMaterial:
    """A party's material, of which a message is bent."""

    def __init__(self, inner: LocalMaterial, bender: Bender) -> None:
        self.seed, self.mask_seed = inner.seed, inner.mask_seed
        self._inner = inner
        self._bender = bender

    def receive(self) -> tuple[MaterialId, bytes | memoryview]:
        name, message = self._inner.receive()
        return name, self._bender.bent(bytes(message))

    def close(self) -> None:
        self._inner.close()


class BentDealer(LocalDealer):
    """Deals as always, to one party something else."""

    def __init__(self, comparison: str, party: int, bender: Bender) -> None:
        super().__init__(spec(comparison, only_bit=False))
        self._bent = party
        self._bender = bender

    def material(self, party: int, *asked: object) -> BentMaterial | LocalMaterial:
        given = super().material(party, *asked)
        return BentMaterial(given, self._bender) if party == self._bent else given


def receiver(data: bytes) -> str:
    return f"P{data.ljust(1, bytes(1))[0] % 2}"


def run(data: bytes) -> None:
    whose, comparison, number, how = data.ljust(4, b"\0")[:4]
    bender = Bender(number % MESSAGES, how % 4, data[4:])
    shutil.rmtree(FOLDER, ignore_errors=True)
    dealer = BentDealer(COMPARISONS[comparison % 2], whose % 4 if whose % 4 < 2 else 2, bender)
    lines = {} if whose % 4 < 2 else {whose % 4 - 2: lambda inner: BentLine(inner, bender)}
    both(FOLDER, dealer, lines=lines)
