# SPDX-License-Identifier: Apache-2.0
"""Rounds of the rule ``direction`` in which a party is killed, or the dealer's line is cut, at any message of any step.

Each place is a step, a party, what is about to happen, and how often that has happened in the step. A rig is cut off at
as many new places as it meets; a party that is killed is made anew from its folder. ``Opened`` notes what leaves under
a mask, and what is revealed.
"""

from __future__ import annotations

import hashlib
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import pytest

from medquorum.clients.encrypted.verification.direction_round import verify_direction
from medquorum.core import canonical
from medquorum.core.rules import MEMBERS
from medquorum.errors import ProtocolError
from medquorum.verifier.comparison.backends import Comparing
from medquorum.verifier.opening import party, result
from medquorum.verifier.opening.transport import InProcess, Transport, WrappedTransport
from medquorum.verifier.randomness.identifier import MaterialId
from medquorum.verifier.randomness.material import Mask
from medquorum.verifier.service.deliveries import Delivery
from medquorum.verifier.session.greeting import ATTEMPTS
from medquorum.verifier.session.spec import VerificationSpec
from medquorum_testing.encrypted.local_dealer import LocalMaterial
from medquorum_testing.ledger.aggregation_rig import PARTIES, Rig

__all__ = ["KilledRig", "Opened", "Place", "Places"]

Place = tuple[str, bool, int, str, int]
"""Step, whether its result was on the party's disk, party, what is about to happen, its number in the step."""
SUM = "weighted sum"


class Killed(Exception):
    """A party's process ends here."""


@dataclass
class Opened:
    """What both parties sent in all attempts of a round."""

    hidden: dict[bytes, set[bytes]] = field(default_factory=lambda: defaultdict(set))
    """By a party's part of a mask, the messages that left under it."""
    revealed: dict[tuple[str, int, int], set[bytes]] = field(default_factory=lambda: defaultdict(set))
    """By step, party and place, the shares of a result."""
    summed: dict[tuple[str, str, str, tuple[str, ...], int], set[bytes]] = field(
        default_factory=lambda: defaultdict(set)
    )
    """By sender, receiver, kind, choice of nodes and place, what is delivered of the sum."""

    ended: set[bytes] = field(default_factory=set)
    """What parties attest, also who went on to the end while the other one was killed."""

    def twice(self) -> list[Any]:
        """Return what left in two ways: two values under one mask, two shares of one result, two ends of a round."""
        seen: list[dict[Any, set[bytes]]] = [self.hidden, self.revealed, self.summed, {"end": self.ended}]
        return [key for found in seen for key, values in found.items() if len(values) > 1]

    def record(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Note what all sessions send from now on."""
        opened = self

        class Noted(party.Party):
            def _told(self, mask: Mask, message: bytes) -> bytes:
                opened.hidden[hashlib.sha256(mask.share.tobytes()).digest()].add(message)
                return super()._told(mask, message)

        def reveal(transport: Transport, index: int, name: MaterialId, *more: Any) -> result.Revealed:
            return result.reveal(_Line(transport, self, name.hospital, index), index, name, *more)

        def verified(*given: Any) -> dict[str, Any]:
            found = verify_direction(*given)
            opened.ended.add(canonical.encode(found))
            return found

        monkeypatch.setattr("medquorum_testing.ledger.aggregation_rig.verify_direction", verified)
        monkeypatch.setattr("medquorum.verifier.session.session.Party", Noted)
        monkeypatch.setattr("medquorum.verifier.session.session.reveal", reveal)


class _Line(WrappedTransport):
    """A party's line while it reveals a result."""

    def __init__(self, transport: Transport, opened: Opened, step: str, index: int) -> None:
        super().__init__(transport)
        self._opened, self._step, self._index, self._sent = opened, step, index, 0

    def send(self, message: bytes) -> None:
        if self._sent:  # commitments come first: to a share of each attempt that comes so far
            self._opened.revealed[self._step, self._index, self._sent].add(message)
        self._sent += 1
        super().send(message)


class Places:
    """Where somebody was killed already, or is not to be; shared by the rigs of a test."""

    def __init__(self, chance: float, seed: int = 0) -> None:
        self.passed: set[Place] = set()
        self.kills: Counter[str] = Counter()
        """By what was about to happen."""
        self._chance = chance
        self._random = Random(seed)

    def kill(self, place: Place) -> bool:
        """Return whether to kill here; asked once for each place."""
        if place in self.passed:
            return False
        self.passed.add(place)
        chosen = self._random.random() < self._chance
        self.kills[place[3]] += chosen
        return chosen


class KilledRig(Rig):
    """A round that goes on after each kill."""

    def __init__(self, folder: Path, places: Places, opened: Opened) -> None:
        self.opened = opened
        self._places = places
        self._guard = threading.Lock()
        self._step = ["", ""]
        self._there = [False, False]
        self._counts: Counter[tuple[int, str]] = Counter()
        self._victim: int | None = None
        super().__init__(folder, batch=20, rule={"name": "direction", "members": MEMBERS})

    def survived(self, work: Callable[[], Any]) -> Any:
        """Do it again until nobody is killed in it; who is killed starts from its folder."""
        while True:
            self._victim = None
            try:
                found = work()
            except (Killed, ProtocolError):
                if self._victim is None:
                    raise
            if self._victim is None:
                return found
            self._revive(self._victim)

    def judged(self) -> list[dict[str, Any]]:
        return list(self.survived(super().judged))

    def share(self) -> None:
        self._step = [SUM, SUM]
        self.survived(super().share)

    def run(self) -> dict[str, Any]:
        found: dict[str, Any] = self.survived(super().run)
        return found

    def verification(self, index: int) -> Any:
        made = super().verification(index)
        step = made.step

        def noted(transport: Any, spec: VerificationSpec, *more: Any) -> Any:
            journal = made._inputs(spec).journal
            with self._guard:
                self._step[index] = spec.name.hospital
                self._there[index] = journal is not None and journal.result is not None
                for what in ("send", "receive", "ask", "material"):
                    self._counts[index, what] = 0
            return step(transport, spec, *more)

        made.step = noted  # type: ignore[method-assign]
        return made

    def _revive(self, victim: int) -> None:
        self.verifications[victim] = self.verification(victim)
        self.restart(PARTIES[victim])
        self._counts.clear()

    def _passes(self, index: int, what: str, error: type[Exception] = Killed) -> None:
        """Go on, or be killed here."""
        with self._guard:
            step = self._step[index]
            place = (step, self._there[index], index, what, self._counts[index, what])
            self._counts[index, what] += 1
            dealer = self._dealers.get((self.number, step))
            spent = dealer is not None and len(dealer.attempts) >= ATTEMPTS - 1
            if not step or spent or self._victim is not None or not self._places.kill(place):
                return
            self._victim = index
        raise error(f"cut off at {place}")

    def _dealt(
        self, index: int, spec: VerificationSpec, attempt: int, first: int, comparing: Comparing
    ) -> LocalMaterial:
        self._passes(index, "ask")
        material = super()._dealt(index, spec, attempt, first, comparing)
        receive = material.receive

        def cut() -> Any:
            self._passes(index, "material", ProtocolError)
            return receive()

        material.receive = cut  # type: ignore[method-assign]
        return material

    def _transports(self) -> tuple[InProcess, InProcess]:
        transports = super()._transports()
        for index, transport in enumerate(transports):
            self._bend(transport, index)
        return transports

    def _bend(self, transport: InProcess, index: int) -> None:
        send, receive = transport.send, transport.receive

        def sending(message: bytes) -> None:
            self._passes(index, "send")
            send(message)

        def receiving() -> bytes:
            self._passes(index, "receive")
            return receive()

        transport.send = sending  # type: ignore[method-assign]
        transport.receive = receiving  # type: ignore[method-assign]

    def _send(self, sender: str) -> Callable[[str, Delivery, Sequence[bytes]], None]:
        deliver = super()._send(sender)

        def send(node: str, header: Delivery, messages: Sequence[bytes]) -> None:
            self._passes(PARTIES.index(sender), header.kind)
            for place, message in enumerate(messages):
                self.opened.summed[sender, node, header.kind, header.nodes, place].add(message)
            deliver(node, header, messages)

        return send

    def _salt(self, node: str, round_number: int) -> bytes:
        self._passes(PARTIES.index(node), "salt", ProtocolError)
        return super()._salt(node, round_number)
