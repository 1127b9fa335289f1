# SPDX-License-Identifier: Apache-2.0
"""A dealer in a thread for sessions of two parties in this process."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

from medquorum.errors import ProtocolError
from medquorum.verifier.comparison.backends import Comparing, back_end
from medquorum.verifier.offline.dealer import Dealer, Dealing
from medquorum.verifier.randomness.channel import Channel
from medquorum.verifier.randomness.identifier import MaterialId
from medquorum.verifier.randomness.parts import GateMessage
from medquorum.verifier.randomness.stream import new_seed
from medquorum.verifier.session.spec import VerificationSpec


class LocalMaterial:
    """One party's end of a dealing."""

    def __init__(self, seeds: tuple[bytes, bytes], channel: Channel) -> None:
        self.seed, self.mask_seed = seeds
        self._channel = channel

    def receive(self) -> tuple[MaterialId, GateMessage]:
        return self._channel.receive()

    def close(self) -> None:
        self._channel.close()


class Asked:
    """A local dealer as one party asks it."""

    def __init__(self, dealer: LocalDealer, party: int, bandwidth: Callable[[], float]) -> None:
        self._dealer = dealer
        self._party = party
        self.bandwidth = bandwidth

    def take(self, spec: VerificationSpec, attempt: int, first: int, comparing: Comparing) -> LocalMaterial:
        return self._dealer.material(self._party, attempt, first, comparing)


Deal = Callable[[tuple[bytes, bytes], MaterialId, int, Comparing], Iterator[Dealing]]
"""Given seeds, a verification's name, its first batch and back end."""


class LocalDealer:
    """Deals each attempt once, when the first of the parties asks: an update's verification, or what ``deal`` says."""

    def __init__(self, spec: VerificationSpec, deal: Deal | None = None) -> None:
        self.spec = spec
        self._gates = self._verification if deal is None else deal
        self.mask_seeds = new_seed(), new_seed()
        self.attempts: list[tuple[int, int]] = []
        self.comparing: list[Comparing] = []
        self._lock = threading.Lock()
        self._dealt: dict[tuple[int, int], tuple[LocalMaterial, LocalMaterial]] = {}

    def material(self, party: int, attempt: int, first: int, comparing: Comparing) -> LocalMaterial:
        """Deal for one party."""
        with self._lock:
            if (attempt, first) not in self._dealt:
                self.attempts.append((attempt, first))
                self.comparing.append(comparing)
                self._dealt[attempt, first] = self._deal(attempt, first, comparing)
        return self._dealt[attempt, first][party]

    def asked(self, party: int, bandwidth: Callable[[], float] = lambda: 1e9) -> Asked:
        """Return the dealer as a party asks it; ``bandwidth`` is what it measures."""
        return Asked(self, party, bandwidth)

    def _deal(self, attempt: int, first: int, comparing: Comparing) -> tuple[LocalMaterial, LocalMaterial]:
        spec = self.spec
        seeds, channels = (new_seed(), new_seed()), (Channel(), Channel())
        name = MaterialId(spec.name.task, spec.name.round, spec.name.hospital, attempt)

        def send() -> None:
            try:
                for dealing in self._gates(seeds, name, first, comparing):
                    self._send(channels, dealing)
            except ProtocolError:
                return  # a party has closed its end
            finally:
                for channel in channels:  # as the dealer's service does: the other party does not wait for more
                    channel.close()

        threading.Thread(target=send, daemon=True).start()
        pairs = zip(seeds, self.mask_seeds, strict=True)
        one, other = (LocalMaterial(pair, channel) for pair, channel in zip(pairs, channels, strict=True))
        return one, other

    def _verification(
        self, seeds: tuple[bytes, bytes], name: MaterialId, first: int, comparing: Comparing
    ) -> Iterator[Dealing]:
        spec = self.spec
        dealer = Dealer(seeds, name, spec.plan, back_end(comparing, name), mask_seeds=self.mask_seeds)
        yield from dealer.model()
        yield from dealer.batches(list(enumerate(spec.batches(comparing)))[first:])
        yield from dealer.decision(spec.conditions if spec.only_bit else 0)

    @staticmethod
    def _send(channels: tuple[Channel, Channel], dealing: Dealing) -> None:
        for channel, message in zip(channels, dealing[1], strict=True):
            channel.send(dealing[0], message)
