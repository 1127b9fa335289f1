# SPDX-License-Identifier: Apache-2.0
"""One party's verification of one update with the other party and the dealer in other processes; resumable."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from medquorum.core import canonical
from medquorum.core.fixedpoint import IntArray
from medquorum.errors import MaterialError, ProtocolError
from medquorum.verifier.comparison.backends import Chosen, Comparing, back_end
from medquorum.verifier.gates.correctness import COUNT_BITS
from medquorum.verifier.model.plan import Plan
from medquorum.verifier.offline.cost_model import fitting_batch, in_batches
from medquorum.verifier.opening.party import Party
from medquorum.verifier.opening.transcript import Recorded
from medquorum.verifier.opening.transport import Transport
from medquorum.verifier.randomness.identifier import MaterialId
from medquorum.verifier.randomness.supply import Supply
from medquorum.verifier.session.backend_agreement import earlier, measured
from medquorum.verifier.session.evaluation import Evaluation, Keep, Samples
from medquorum.verifier.session.greeting import BaseCounts, Greeting, hashed
from medquorum.verifier.session.journal import Batch, Journal, common_batches

__all__ = ["REFUSALS", "Material", "OpenedResult", "PartyInputs", "Session", "VerificationSpec"]

REFUSALS = 3
"""Times in a row that material is refused before both parties give an update up."""


class Material(Protocol):
    """The dealer's stream for one attempt."""

    seed: bytes
    mask_seed: bytes

    def receive(self) -> tuple[MaterialId, bytes | memoryview]:
        """Return the next gate's message."""
        ...

    def close(self) -> None:
        """Take no more."""
        ...


@dataclass(frozen=True)
class VerificationSpec:
    """What both parties must agree on, all of it public.

    Attributes
    ----------
    name
        Task, round and hospital.
    facts
        JSON values compared before anything else: update, data-set commitment, plan.
    comparison
        "tree", "fss" or "auto".
        The back end; with "auto" P0 chooses by the measured links, once for all attempts.
    images, batch
        Images in the verification set, and at most in a batch.
    only_bit
        True to open the verdict's bit alone, False for the counts.
    """

    name: MaterialId
    facts: Mapping[str, Any]
    plan: Plan
    comparison: Chosen
    images: int
    batch: int
    only_bit: bool

    @property
    def conditions(self) -> int:
        """Counts in the result: for every subject the total and, where the rule needs them, each class."""
        return sum(1 + (s.program.classes if self.plan.per_class else 0) for s in self.plan.subjects)

    def batches(self, comparing: Comparing) -> list[slice]:
        """Return the batches' images under a back end."""
        return in_batches(self.images, fitting_batch(self.plan, self.batch, comparing))


@dataclass(frozen=True)
class PartyInputs:
    """What one party brings.

    Attributes
    ----------
    base
        Mapping of tensor name to int64 array.
        w, known to all.
    share
        Array of int64 (parameters,) or None.
        None where none was uploaded that fits its commitment.
    samples
        Pair of ndarrays or None.
        P0's images (n, h, w) or (n, h, w, c) of uint8, and labels (n,) of int64; None there too where it lacks the
        committed ones.
    minima
        Array of int64 (conditions,) or None.
        P0's, where only the bit is opened.
    statement
        What P0 tells P1: in disclosure mode count the base model's counts.
    """

    base: Mapping[str, IntArray] = field(repr=False)
    share: IntArray | None = field(repr=False)
    samples: Samples | None = field(default=None, repr=False)
    minima: IntArray | None = field(default=None, repr=False)
    statement: BaseCounts | None = None


@dataclass(frozen=True)
class OpenedResult:
    """What both parties learnt.

    Attributes
    ----------
    disputed
        A party had no share that fits its commitment; nothing else was done.
    holds
        The verdict's bit; in disclosure mode count whether RANGE and norm hold.
    counts
        In disclosure mode count, where these hold: ``VerificationSpec.conditions`` counts.
    statement
        P0's.
    transcript
        Hex SHA-256 of all that was exchanged; equal at both parties.
    refused
        A party gets no material for good, from the dealer or by its own journal; nothing was evaluated.
    without_images
        P0 says that it has no images; nothing else was done.
    """

    disputed: bool
    holds: bool
    counts: tuple[int, ...]
    statement: BaseCounts | None
    transcript: str
    refused: bool = False
    without_images: bool = False


class Session:
    """A verification from the parties' greeting to what they opened.

    Parameters
    ----------
    index
        0 or 1.
    transport
        To the other party.
    journal
        None where this party's cannot be read: then it must not use any material.
    material
        Asks the dealer, for an attempt's number, its first batch and its comparison back end.
    bandwidth
        Measures the dealer's link: bytes a second.
    progress
        Told of images done and in all: at the start, when the model itself is done, after each batch.
    keep
        Given the opened masked parameters R in every attempt, before anything is computed from them.
    """

    def __init__(
        self,
        index: int,
        transport: Transport,
        journal: Journal | None,
        spec: VerificationSpec,
        inputs: PartyInputs,
        material: Callable[[int, int, Comparing], Material],
        bandwidth: Callable[[], float],
        progress: Callable[[int, int], None] = lambda done, total: None,
        keep: Keep | None = None,
    ) -> None:
        self._index = index
        self._transport = Recorded(transport, index)
        self._journal = journal
        self._spec = spec
        self._inputs = inputs
        self._material = material
        self._bandwidth = bandwidth
        self._progress = progress
        self._keep = keep

    def run(self) -> OpenedResult:
        """Verify; after a crash, begin anew after the last batch that both finished.

        Raises
        ------
        ProtocolError
            The other party has another spec, sends something else than is due, or stops.
        MaterialError
            The dealer's material was used before or is not what is due.
        """
        other, refusals = self._greet()
        statement = self._inputs.statement if self._index == 0 else other.statement
        greeting = self._transport.digest()
        if not (other.images if self._index == 1 else self._inputs.samples is not None):
            return OpenedResult(False, False, (), None, _transcript([greeting]), without_images=True)
        if self._inputs.share is None or not other.share:
            return OpenedResult(True, False, (), None, _transcript([greeting]))
        journal = self._journal
        if journal is None or refusals >= REFUSALS:
            return OpenedResult(False, False, (), None, _transcript([greeting]), refused=True)
        kept = common_batches([batch.attempt for batch in journal.batches], other.batches)
        attempt = max(journal.attempts, other.attempts) + 1
        comparing = self._comparing(journal.comparing, other.comparing)
        journal.begin(attempt, kept, comparing)
        parts = self._spec.batches(comparing)
        self._report_progress(parts[:kept])
        try:
            with closing(self._material(attempt, kept, comparing)) as material:
                return self._verified(material, journal, attempt, comparing, parts, statement)
        except MaterialError:
            journal.refused()
            raise

    def _verified(
        self,
        material: Material,
        journal: Journal,
        attempt: int,
        comparing: Comparing,
        parts: Sequence[slice],
        statement: BaseCounts | None,
    ) -> OpenedResult:
        spec, inputs = self._spec, self._inputs
        if inputs.share is None:
            raise ProtocolError("there is no share to verify")
        name = MaterialId(spec.name.task, spec.name.round, spec.name.hospital, attempt)
        party = Party(self._index, self._transport)
        supply = Supply(self._index, material.seed, material.receive, mask_seed=material.mask_seed)
        side = Evaluation(party, supply, name, spec.plan, back_end(comparing, name), keep=self._keep)
        fails = side.model(inputs.base, inputs.share)
        digests = [comparing, self._transport.digest()]
        self._evaluate(side, journal, attempt, parts)
        digests += [batch.digest for batch in journal.batches]
        finished = [batch.counts for batch in journal.batches]
        counts = sum(finished, np.zeros(spec.conditions, dtype=np.int64))
        if spec.only_bit:
            holds, opened = side.decide(counts, inputs.minima, fails), np.zeros(0, dtype=np.int64)
        else:
            holds = side.decide(counts[:0], None, fails)
            opened = party.reveal(counts, COUNT_BITS) if holds and counts.size else np.zeros(0, dtype=np.int64)
        digests.append(self._transport.digest())
        return OpenedResult(False, holds, tuple(int(count) for count in opened), statement, _transcript(digests))

    def _comparing(self, own: Comparing | None, other: Comparing | None) -> Comparing:
        """Return the comparison back end: the task's, an earlier attempt's, or P0's choice by the measured links."""
        spec = self._spec
        if spec.comparison != "auto":
            return spec.comparison
        before = earlier(self._index, own, other)
        if before is not None:
            return before
        return measured(self._index, self._transport.exchange, spec.plan, spec.batch, spec.images, self._bandwidth)

    def _evaluate(self, side: Evaluation, journal: Journal, attempt: int, parts: Sequence[slice]) -> None:
        """Do the batches that are not in the journal yet."""
        spec, inputs = self._spec, self._inputs
        done = len(journal.batches)
        self._report_progress(parts[:done])

        def finish(number: int, found: Sequence[IntArray]) -> None:
            counts = [c for own in found for c in ((own.sum(keepdims=True), own) if spec.plan.per_class else (own,))]
            values = np.concatenate(counts) if counts else np.zeros(0, dtype=np.int64)
            journal.finish(Batch(attempt, values, self._transport.digest()))
            self._report_progress(parts[: number + 1])

        side.batches(list(enumerate(parts))[done:], inputs.samples, finish)

    def _report_progress(self, finished: Sequence[slice]) -> None:
        self._progress(finished[-1].stop if finished else 0, self._spec.images)

    def _greet(self) -> tuple[Greeting, int]:
        """Compare specs, and tell the other party how far this one is; return its word, and the most refusals."""
        journal, inputs = self._journal, self._inputs
        own = Greeting(
            attempts=0 if journal is None else journal.attempts,
            batches=() if journal is None else tuple(batch.attempt for batch in journal.batches),
            comparing=None if journal is None else journal.comparing,
            facts=hashed(self._spec.facts),
            images=inputs.samples is not None,
            refusals=REFUSALS if journal is None else journal.refusals,
            share=inputs.share is not None,
            statement=inputs.statement,
        )
        other = Greeting.decode(self._transport.exchange(own.encode()))
        differing = own.differing(other)
        if differing:
            raise ProtocolError(
                f"the parties differ about {', '.join(differing)} of {self._spec.name.hospital}'s update",
                "Compare both parties' task, data set and ledger height",
            )
        if len(other.batches) > self._spec.images:
            raise ProtocolError("the other party has finished more batches than there are images", "Look at its log")
        return other, max(own.refusals, other.refusals)


def _transcript(digests: list[str]) -> str:
    return hashlib.sha256(canonical.encode(digests)).hexdigest()
