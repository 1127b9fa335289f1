# SPDX-License-Identifier: Apache-2.0
"""One party's verification of one update with the other party and the dealer in other processes; resumable.

Whatever is killed, hangs up or lies: one result of an update is ever revealed. A party's share of it is on its disk
before anything of it leaves, and from there on every session reveals that share again and evaluates nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace

import numpy as np

from medquorum.core import canonical
from medquorum.core.fixedpoint import IntArray
from medquorum.errors import MaterialError, ProtocolError
from medquorum.verifier.comparison.backends import Comparing, back_end
from medquorum.verifier.model.parameters import MaskedUpdate
from medquorum.verifier.opening.party import Party
from medquorum.verifier.opening.result import ResultShare, reveal
from medquorum.verifier.opening.transcript import Recorded
from medquorum.verifier.opening.transport import Transport
from medquorum.verifier.randomness.supply import Supply
from medquorum.verifier.session.backend_agreement import earlier, measured
from medquorum.verifier.session.evaluation import Evaluation
from medquorum.verifier.session.greeting import REFUSALS, BaseCounts, Greeting, Refusal, hashed, refusal
from medquorum.verifier.session.journal import Batch, Journal, KeptResult, common_batches
from medquorum.verifier.session.spec import Forwarding, Material, Observer, PartyInputs

__all__ = ["Attempt", "OpenedResult", "Session", "transcript_of"]


@dataclass(frozen=True)
class OpenedResult:
    """What both parties learnt.

    Attributes
    ----------
    refusal
        Why nothing was evaluated, None where it was.
    holds
        The verdict's bit; in disclosure mode count whether RANGE and norm hold.
    counts
        In disclosure mode count, where these hold: ``VerificationSpec.conditions`` counts.
    statement
        P0's.
    transcript
        Hex SHA-256 of all that was exchanged; equal at both parties.
    shifted
        Whether a tag does not fit: a party has shifted its share at the opening.
    """

    refusal: Refusal | None
    holds: bool
    counts: tuple[int, ...]
    statement: BaseCounts | None
    transcript: str
    shifted: bool = False


@dataclass(frozen=True)
class Attempt:
    """One attempt: its number, the comparison back end, all batches' images, P0's statement."""

    number: int
    comparing: Comparing
    parts: Sequence[slice]
    statement: BaseCounts | None


class Session:
    """A verification from the parties' greeting to what they opened."""

    def __init__(self, inputs: PartyInputs, observer: Observer | None = None) -> None:
        self._inputs = inputs
        self._spec = inputs.spec
        self._held = inputs.share
        self._observer = Observer() if observer is None else observer

    def run(self, transport: Transport) -> OpenedResult:
        """Verify with the other party; after a crash, go on after the last batch that both finished.

        Raises
        ------
        ProtocolError
            The other party has another spec, sends something else than is due, or stops.
        MaterialError
            The dealer's material was used before or is not what is due.
        """
        recorded = Recorded(transport, self._inputs.index)
        own, other = self._greet(recorded)
        greeting = recorded.digest()
        first, second = (own, other) if self._inputs.index == 0 else (other, own)
        refused, forwarding = refusal(first, second), self._inputs.forwarding
        if refused is not None and refused.disputed_by_one and forwarding is not None:
            self._held = self._forwarded(recorded, forwarding, own.share)
            refused = refusal(*(word.model_copy(update={"share": True}) for word in (first, second)))
        if refused is not None:
            return OpenedResult(refused, False, (), None, transcript_of([greeting]))
        journal = self._inputs.journal
        if journal is None:
            raise ProtocolError("without a journal nothing is evaluated or revealed", "Abort the round")
        if own.result == 0 or own.result != other.result:
            self._evaluate(recorded, journal, own, other, first.statement)
        return self._reveal(recorded, journal)

    def _greet(self, transport: Recorded) -> tuple[Greeting, Greeting]:
        """Compare specs, and tell the other party how far this one is; return both words."""
        inputs, journal = self._inputs, self._inputs.journal
        own = Greeting(
            attempts=0 if journal is None else journal.attempts,
            batches=() if journal is None else tuple(batch.attempt for batch in journal.batches),
            comparing=None if journal is None else journal.comparing,
            dealt=0 if journal is None else journal.dealt,
            facts=hashed(self._spec.facts),
            images=inputs.images is not None,
            refusals=REFUSALS if journal is None else journal.refusals,
            result=0 if journal is None or journal.result is None else journal.result.attempt,
            revealing=journal is not None and journal.revealing is not None,
            share=inputs.share is not None,
            statement=None if inputs.images is None else inputs.images.statement,
        )
        other = Greeting.decode(transport.exchange(own.encode()))
        differing = own.differing(other)
        if differing:
            raise ProtocolError(
                f"the parties differ about {', '.join(differing)} of {self._spec.name.hospital}'s update",
                "Compare both parties' task, data set and ledger height",
            )
        if len(other.batches) > self._spec.images:
            raise ProtocolError("the other party has finished more batches than there are images", "Look at its log")
        return own, other

    @staticmethod
    def _forwarded(transport: Recorded, forwarding: Forwarding, has: bool) -> MaskedUpdate:
        """Give the other party the masked update, or take it from it; what is on the ledger says that it is the one.

        So one party's word does not end an update. The transcript does not cover it: the frozen commitment does.
        """
        value = forwarding.value() if has else b""
        other = transport.exchange(value)
        transport.digest()
        return forwarding.take(value if has else other)

    def _evaluate(
        self, transport: Recorded, journal: Journal, own: Greeting, other: Greeting, statement: BaseCounts | None
    ) -> None:
        """Evaluate in a new attempt; the share of the result is in the journal when this returns."""
        kept = common_batches(own.batches, other.batches)
        comparing = self._comparing(transport, own.comparing, other.comparing)
        attempt = Attempt(max(own.attempts, other.attempts) + 1, comparing, self._spec.batches(comparing), statement)
        journal.begin(attempt.number, kept, comparing)
        self._report_progress(attempt.parts[:kept])
        try:
            with closing(self._inputs.dealer.take(self._spec, attempt.number, kept, comparing)) as material:
                journal.take_material()
                journal.keep_result(self._evaluated(transport, journal, attempt, material))
        except MaterialError:
            journal.refused()
            raise

    def _evaluated(self, transport: Recorded, journal: Journal, attempt: Attempt, material: Material) -> KeptResult:
        """Return this party's share of the result."""
        spec, inputs = self._spec, self._inputs
        if self._held is None:
            raise ProtocolError("there is no share to verify")
        self._observer.mask(material.mask_seed)
        name = replace(spec.name, attempt=attempt.number)
        party = Party(inputs.index, transport)
        supply = Supply(inputs.index, material.seed, material.receive, mask_seed=material.mask_seed)
        side = Evaluation(party, supply, name, spec.plan, back_end(attempt.comparing, name), keep=self._observer.masked)
        share, digests = self._result(side, transport, journal, attempt)
        return KeptResult(attempt.number, share, attempt.statement, (attempt.comparing, *digests, transport.digest()))

    def _result(
        self, side: Evaluation, transport: Recorded, journal: Journal, attempt: Attempt
    ) -> tuple[ResultShare, list[str]]:
        """Return this party's share of the result, and the digests of the messages before the last ones."""
        spec, inputs = self._spec, self._inputs
        if self._held is None:
            raise ProtocolError("there is no share to verify")
        fails = side.model(inputs.base, self._held)
        digests = [transport.digest()]
        self._evaluate_batches(side, transport, journal, attempt)
        digests += [batch.digest for batch in journal.batches]
        counts = sum((batch.counts for batch in journal.batches), np.zeros(spec.conditions, dtype=np.int64))
        if spec.only_bit:
            minima = None if inputs.images is None else inputs.images.minima
            share = ResultShare.make(side.decide(counts, minima, fails), None)
        else:
            share = ResultShare.make(side.decide(counts[:0], None, fails), counts)
        return share, digests

    def _evaluate_batches(self, side: Evaluation, transport: Recorded, journal: Journal, attempt: Attempt) -> None:
        """Do the batches that are not in the journal yet."""
        spec, parts, images = self._spec, attempt.parts, self._inputs.images
        done = len(journal.batches)
        self._report_progress(parts[:done])

        def finish(number: int, batch_counts: Sequence[IntArray]) -> None:
            counts = [
                c for own in batch_counts for c in ((own.sum(keepdims=True), own) if spec.plan.per_class else (own,))
            ]
            values = np.concatenate(counts) if counts else np.zeros(0, dtype=np.int64)
            journal.finish(Batch(attempt.number, values, transport.digest()))
            self._report_progress(parts[: number + 1])

        side.batches(list(enumerate(parts))[done:], None if images is None else images.samples, finish)

    def _reveal(self, transport: Recorded, journal: Journal) -> OpenedResult:
        """Open the result of the journal's share."""
        kept = journal.result
        if kept is None:
            raise ProtocolError("there is no share of the result to reveal")
        name = replace(self._spec.name, attempt=kept.attempt)
        opened = reveal(transport, self._inputs.index, name, kept.share, journal.revealing, journal.reveal)
        counts = tuple(int(count) for count in opened.counts)
        transcript = transcript_of([*kept.digests, opened.digest])
        return OpenedResult(None, opened.holds, counts, kept.statement, transcript, opened.shifted)

    def _comparing(self, transport: Recorded, own: Comparing | None, other: Comparing | None) -> Comparing:
        """Return the comparison back end: the task's, an earlier attempt's, or P0's choice by the measured links."""
        spec, index = self._spec, self._inputs.index
        if spec.comparison != "auto":
            return spec.comparison
        before = earlier(index, own, other)
        if before is not None:
            return before
        bandwidth = self._inputs.dealer.bandwidth
        return measured(index, transport.exchange, spec.plan, spec.batch, spec.images, bandwidth)

    def _report_progress(self, finished: Sequence[slice]) -> None:
        self._observer.progress(finished[-1].stop if finished else 0, self._spec.images)


def transcript_of(digests: list[str]) -> str:
    """Return the hex SHA-256 of the digests of all that was exchanged."""
    return hashlib.sha256(canonical.encode(digests)).hexdigest()
