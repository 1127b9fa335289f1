# SPDX-License-Identifier: Apache-2.0
"""A whole verification in one process: dealer, P0 and P1 in three threads, for tests and measurements."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from medquorum.core.fixedpoint import IntArray
from medquorum.core.inference.entry import Images
from medquorum.verifier.binding.masks import update_mask
from medquorum.verifier.comparison.interface import Comparison
from medquorum.verifier.model.parameters import Held, MaskedUpdate
from medquorum.verifier.model.plan import Plan
from medquorum.verifier.offline.cost_model import in_batches
from medquorum.verifier.offline.dealer import Dealer, Dealing
from medquorum.verifier.opening.party import Party
from medquorum.verifier.opening.result import COUNT_BITS
from medquorum.verifier.opening.transport import in_process
from medquorum.verifier.randomness.channel import Channel
from medquorum.verifier.randomness.identifier import MaterialId
from medquorum.verifier.randomness.material import Audit
from medquorum.verifier.randomness.stream import new_seed
from medquorum.verifier.randomness.supply import Supply
from medquorum.verifier.session.evaluation import Evaluation, Trace

__all__ = ["Costs", "Inputs", "Outcome", "Report", "measure", "verify"]


@dataclass(frozen=True)
class Inputs:
    """Everybody's secrets, for one process only.

    Attributes
    ----------
    base
        Mapping of tensor name to int64 array.
    shares
        Pair of ndarray of int64 (parameters,), or one.
        Of the update, to P0 and P1; or the update itself, which is handed over under its mask.
    images
        Array of the model's type (n, h, w) or (n, h, w, c).
    labels
        Array of int64 (n,), or (n, labels).
    batch
        Images in a batch.
    needed
        Array of int64 or None.
        P0's minima for the counts of all subjects, one after the other: only the verdict's bit is opened. None opens
        whether all conditions on the parameters hold, and the counts if they do.
    """

    base: Mapping[str, IntArray] = field(repr=False)
    shares: tuple[IntArray, IntArray] | IntArray = field(repr=False)
    images: Images = field(repr=False)
    labels: IntArray = field(repr=False)
    batch: int
    needed: IntArray | None = field(default=None, repr=False)


@dataclass
class Costs:
    """One role's costs.

    Attributes
    ----------
    seconds, processor
        Passed time, and time of its own thread on a processor.
    sent, material
        Bytes it sent to the other party, and bytes the dealer sent it; the dealer's are 0 and all it sent.
    """

    seconds: float = 0.0
    processor: float = 0.0
    sent: int = 0
    material: int = 0
    rounds: int = 0


@dataclass
class Outcome:
    """What was opened, and the costs once per model and for all batches.

    Attributes
    ----------
    accepted
        The verdict's bit; without minima: whether RANGE and norm hold.
    counts
        Array of int64 or None.
        Opened counts of all subjects, one after the other; None where only the bit was opened or it is 0.
    """

    accepted: bool
    counts: IntArray | None
    model: Costs
    batches: Costs


class Report(NamedTuple):
    """What both parties learnt, and the dealer's costs once per model and for all batches."""

    outcomes: tuple[Outcome, Outcome]
    model: Costs
    batches: Costs


def verify(plan: Plan, inputs: Inputs, comparison: Callable[[], Comparison], **options: Any) -> tuple[Outcome, Outcome]:
    """Verify one update and return what each party learnt; arguments of :func:`measure`."""
    return measure(plan, inputs, comparison, **options).outcomes


def measure(
    plan: Plan,
    inputs: Inputs,
    comparison: Callable[[], Comparison],
    *,
    traces: tuple[Trace | None, Trace | None] = (None, None),
    audits: tuple[Audit | None, Audit | None] = (None, None),
    seeds: tuple[bytes, bytes] | None = None,
) -> Report:
    """Verify one update and return what was learnt and what it cost.

    Parameters
    ----------
    comparison
        Makes the back end; dealer and parties get one each.
    traces, audits
        Pairs of callables or None.
        Told of each party's shares, and of what it opens.
    seeds
        The dealer's seeds for the parties; from the operating system unless given.
    """
    seeds = (new_seed(), new_seed()) if seeds is None else seeds
    name = MaterialId("local", 1, "Hospital")
    channels = (Channel(), Channel())
    transports = in_process()
    dealer = Dealer(seeds, name, plan, comparison())

    failures: list[Exception] = []
    held = _held(inputs.shares, seeds, name)

    def party(index: int) -> Outcome:
        supply = Supply(index, seeds[index], channels[index].receive)
        member = Party(index, transports[index], audits[index])
        side = Evaluation(member, supply, name, plan, comparison(), traces[index])
        try:
            return _play(side, member, supply, held[index], inputs)
        except Exception as error:
            failures.append(error)
            raise
        finally:
            transports[index].close()
            channels[index].close()

    def deal() -> tuple[Costs, Costs]:
        try:
            return _deal(dealer, plan, inputs, channels)
        except Exception as error:
            failures.append(error)
            raise
        finally:
            for channel in channels:
                channel.close()

    with ThreadPoolExecutor(3) as pool:
        dealing = pool.submit(deal)
        first, second = (pool.submit(party, index) for index in (0, 1))
    if failures:
        raise failures[0]
    return Report((first.result(), second.result()), *dealing.result())


def _batches(inputs: Inputs) -> list[tuple[int, slice]]:
    return list(enumerate(in_batches(inputs.labels.shape[0], inputs.batch)))


def _deal(dealer: Dealer, plan: Plan, inputs: Inputs, channels: tuple[Channel, Channel]) -> tuple[Costs, Costs]:
    clock = _Clock()
    sent = 0

    def send(dealings: Iterator[Dealing]) -> None:
        nonlocal sent
        for gate, messages in dealings:
            for channel, message in zip(channels, messages, strict=True):
                channel.send(gate, message)
                sent += len(message)

    send(dealer.model())
    model = Costs(*clock.lap(), 0, sent)
    send(dealer.batches(_batches(inputs)))
    batches = Costs(*clock.lap(), 0, sent - model.material)
    send(dealer.decision(0 if inputs.needed is None else inputs.needed.shape[0]))
    return model, batches


def _held(given: tuple[IntArray, IntArray] | IntArray, seeds: tuple[bytes, bytes], name: MaterialId) -> Sequence[Held]:
    """Return what each party holds of the update."""
    if isinstance(given, tuple):
        return given
    masked = MaskedUpdate(given + update_mask(seeds, name, given.shape[0]))
    return masked, masked


def _play(side: Evaluation, member: Party, supply: Supply, held: Held, inputs: Inputs) -> Outcome:
    first = member.index == 0
    clock = _Clock()
    fails = side.model(inputs.base, held)
    model = _costs(clock, member, supply, Costs())
    batch_counts: list[IntArray] = []
    secret = (inputs.images, inputs.labels) if first else None
    side.batches(_batches(inputs), secret, lambda _, counts: batch_counts.append(np.concatenate(counts)))
    counts = np.sum(batch_counts, axis=0)
    batches = _costs(clock, member, supply, model)
    if inputs.needed is None:
        accepted = bool(member.reveal(side.decide(counts[:0], None, fails).numbers, 1)[0])
        return Outcome(accepted, member.reveal(counts, COUNT_BITS) if accepted else None, model, batches)
    accepted = bool(member.reveal(side.decide(counts, inputs.needed if first else None, fails).numbers, 1)[0])
    return Outcome(accepted, None, model, batches)


class _Clock:
    """Passed and own processor time since the last lap."""

    def __init__(self) -> None:
        self._started = time.perf_counter(), time.thread_time()

    def lap(self) -> tuple[float, float]:
        before, self._started = self._started, (time.perf_counter(), time.thread_time())
        return self._started[0] - before[0], self._started[1] - before[1]


def _costs(clock: _Clock, member: Party, supply: Supply, before: Costs) -> Costs:
    line = member.transport
    return Costs(
        *clock.lap(),
        line.bytes_sent - before.sent,
        supply.bytes_received - before.material,
        line.rounds - before.rounds,
    )
