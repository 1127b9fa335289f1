# SPDX-License-Identifier: Apache-2.0
"""One update's verification as a party does it: what it was handed, its side of the session, what it will attest."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from medquorum.clients.encrypted.verification.images import PrivateImages
from medquorum.clients.encrypted.verification.masked_parameters import keep_mask, keep_masked
from medquorum.clients.encrypted.verification.result import attestation_result, base_statement, minima
from medquorum.clients.encrypted.verification.round_folders import prune_rounds, round_folder
from medquorum.clients.encrypted.verification.share_store import Shares, submitted, update_context
from medquorum.clients.encrypted.verification.spec import make_spec, make_sum_spec
from medquorum.clients.encrypted.verification.summands import Summands
from medquorum.clients.ledger.models import fetch_model
from medquorum.clients.ledger.round_status import RoundStatus
from medquorum.clients.runtime.logs import get_logger
from medquorum.clients.runtime.report import Pace
from medquorum.clients.runtime.task_run import TaskRun
from medquorum.core import model as modelformat
from medquorum.core.documents.root import Root
from medquorum.core.documents.update import Update
from medquorum.core.fixedpoint import IntArray
from medquorum.core.inference import AccuracyCounts, compile_model
from medquorum.core.model import Tensors
from medquorum.core.private_files import make_private_folder
from medquorum.core.rules import Direction, margin_loss
from medquorum.errors import MaterialError, ProtocolError
from medquorum.verifier.binding.masked_update import mask_commitment
from medquorum.verifier.model.parameters import Held
from medquorum.verifier.opening.transport import Transport
from medquorum.verifier.randomness.identifier import MaterialId
from medquorum.verifier.session.journal import Journal
from medquorum.verifier.session.session import OpenedResult, Session
from medquorum.verifier.session.spec import DealerClient, ImageInputs, Observer, PartyInputs, VerificationSpec

__all__ = ["Verification", "commitment"]

StepSession = TypeVar("StepSession", bound=Session)


class Verification:
    """Verifies updates of one task; safe to use from several threads, for a hospital each.

    Parameters
    ----------
    index
        0 for the party with the images, 1 for the other: the witness, or the hospital itself.
    dealer
        Asked for every verification's material.
    images
        P0's verification set.
    """

    def __init__(
        self,
        run: TaskRun,
        index: int,
        dealer: DealerClient,
        shares: Shares,
        images: PrivateImages | None,
    ) -> None:
        self._ledger = run.ledger
        self._task = run.task
        self._index = index
        self._dealer = dealer
        self._shares = shares
        self._images = images
        self._folder = run.folder
        self._report = run.report
        self._control = run.control
        self._summands = Summands(shares, run.folder, run.task, index)
        self._msp = run.msp
        self._base: tuple[str, Tensors, AccuracyCounts | None] | None = None

    def verify(self, transport: Transport, status: RoundStatus, hospital: str, timeout: float) -> dict[str, Any]:
        """Verify a candidate and return what to attest; as :meth:`evaluate`."""
        opened, spec = self.evaluate(transport, status, hospital, timeout)
        bound = {"update": commitment(status, hospital), "dataset": self._task.dataset, "transcript": opened.transcript}
        return attestation_result(self._task, hospital, opened, spec) | bound

    def evaluate(
        self, transport: Transport, status: RoundStatus, hospital: str, timeout: float
    ) -> tuple[OpenedResult, VerificationSpec]:
        """Evaluate a candidate's update and return what was opened.

        Parameters
        ----------
        timeout
            Seconds the hospital's share may still take to come.

        Raises
        ------
        ProtocolError, MaterialError
            The other party or the dealer has stopped or does not agree; try again.
        Stopped
            This process shall end.
        """
        spec = make_spec(self._task, status, hospital)
        held, forwarding = self._shares.wait(status, hospital, timeout), self._shares.forwarding(status, hospital)
        inputs = replace(self._inputs(spec), share=held, forwarding=forwarding)
        return self._opened(transport, inputs, status.updates[hospital]), spec

    def evaluate_sum(
        self, transport: Transport, status: RoundStatus, hospitals: Sequence[str]
    ) -> tuple[OpenedResult, VerificationSpec]:
        """Evaluate the model that the sum of verified updates leads to; errors as in :meth:`evaluate`.

        Raises
        ------
        RangeError
            The base model is not within RANGE, which the average's arithmetic relies on.
        """
        spec = make_sum_spec(self._task, status, hospitals)
        base, _ = self.base(str(spec.facts["base"]))
        modelformat.check_range(modelformat.parse(self._task.model), base)
        total = self._summands.shares(status, dict.fromkeys(hospitals, 1))
        return self._opened(transport, replace(self._inputs(spec), share=total)), spec

    def step(
        self,
        transport: Transport,
        spec: VerificationSpec,
        make: Callable[[PartyInputs, Observer], StepSession],
        held: Held | None,
        status: RoundStatus,
        hospital: str | None = None,
    ) -> tuple[OpenedResult, StepSession]:
        """Do a step of the rule ``direction``, of a hospital's update or the root update where one is named.

        Raises the errors of :meth:`evaluate`.
        """
        inputs, update = replace(self._inputs(spec), share=held), None
        if hospital is not None:
            inputs = replace(inputs, forwarding=self._shares.forwarding(status, hospital))
            update = submitted(status, hospital)
        session = make(inputs, _Watch(self, spec.name, transport, update))
        with self._report.phase("verification", round=spec.name.round, hospital=spec.name.hospital):
            return session.run(transport), session

    @property
    def summands(self) -> Summands:
        """What this party adds up."""
        return self._summands

    def held(self, status: RoundStatus, hospital: str, timeout: float) -> Held | None:
        """Return what this party was handed of an update within some seconds."""
        return self._shares.wait(status, hospital, timeout)

    def base_loss(self, rule: Direction, model: str) -> int:
        """Return the base model's loss at P0, 0 at P1: their shares of it."""
        base, _ = self.base(model)
        if self._images is None:
            return 0
        program = compile_model(modelformat.parse(self._task.model), base)
        return margin_loss(rule, program, self._images.images, self._images.labels)

    @property
    def index(self) -> int:
        """0 or 1."""
        return self._index

    def prune(self, before: int) -> None:
        """Remove what is kept of rounds before this one: they have ended, and shares of counts are secrets."""
        prune_rounds(self._folder, before)

    def base(self, model: str) -> tuple[Tensors, AccuracyCounts | None]:
        """Return the round's base model and, at P0, its accuracy counts."""
        if self._base is None or self._base[0] != model:
            tensors = modelformat.unpack(
                modelformat.parse(self._task.model), fetch_model(self._ledger, self._task, model)
            )
            self._base = (model, tensors, None if self._images is None else self._images.count_correct(tensors))
        return self._base[1], self._base[2]

    def _opened(self, transport: Transport, inputs: PartyInputs, update: Update | Root | None = None) -> OpenedResult:
        name = inputs.spec.name
        session = Session(inputs, _Watch(self, name, transport, update))
        with self._report.phase("verification", round=name.round, hospital=name.hospital):
            return session.run(transport)

    def _inputs(self, spec: VerificationSpec) -> PartyInputs:
        tensors, counts = self.base(str(spec.facts["base"]))
        images = None
        if self._images is not None and counts is not None:
            samples = self._images.images, self._images.labels
            images = (
                ImageInputs(samples)
                if spec.step is not None
                else ImageInputs(samples, minima=minima(self._task, counts, spec))
                if spec.only_bit
                else ImageInputs(samples, statement=base_statement(counts))
            )
        return PartyInputs(
            index=self._index,
            spec=spec,
            journal=_journal(round_folder(self._folder, spec.name.round) / f"{spec.name.hospital}.journal"),
            dealer=self._dealer,
            base={name: values.astype("int64") for name, values in tensors.items()},
            share=None,
            images=images,
        )


class _Watch(Observer):
    """Reports images done and keeps the mask; a process that shall end does so there: its journal goes on.

    Parameters
    ----------
    update
        As it is on the ledger; None for a sum of updates.
    """

    def __init__(
        self, verification: Verification, name: MaterialId, transport: Transport, update: Update | Root | None
    ) -> None:
        self._update = update
        self._verification = verification
        self._name = name
        self._transport = transport
        self._before = transport.bytes_sent, transport.bytes_received
        self._pace = Pace()

    def progress(self, done: int, total: int) -> None:
        left = self._pace.seconds_left(done, total)
        sent, received = self._before
        self._verification._report.progress(
            "verification",
            done,
            total,
            unit="images",
            round=self._name.round,
            hospital=self._name.hospital,
            **({} if left is None else {"seconds_left": left}),
            sent=self._transport.bytes_sent - sent,
            received=self._transport.bytes_received - received,
        )
        self._verification._control.check()

    def mask(self, seed: bytes) -> None:
        """Hold the dealer's seed against what it gave the hospital: else it could shift an update that nobody sees."""
        if self._update is None or self._update.masks is None:
            return
        msp = self._verification._msp
        if not hmac.compare_digest(
            mask_commitment(update_context(self._update), msp, seed), self._update.masks.get(msp, "")
        ):
            raise MaterialError(
                f"the dealer deals another mask than the one that {self._name.hospital} has committed to",
                "Leave this update out; the dealer or its hospital deviates",
            )
        keep_mask(self._verification._folder, self._name.round, self._name.hospital, seed)

    def masked(self, parameters: IntArray) -> None:
        keep_masked(self._verification._folder, self._name.round, self._name.hospital, parameters)


def _journal(path: Path) -> Journal | None:
    """Open a verification's journal; None where what it says of used material cannot be read any more."""
    make_private_folder(path.parent)
    try:
        return Journal(path)
    except MaterialError as error:
        get_logger().error("journal_unreadable", cause=str(error))
        return None


def commitment(status: RoundStatus, hospital: str) -> str:
    """Return the frozen commitment of a candidate's update."""
    if status.round is None:
        raise ProtocolError("there is no round to verify in")
    return status.round.commitments[hospital]
