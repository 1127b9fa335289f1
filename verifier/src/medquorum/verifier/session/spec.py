# SPDX-License-Identifier: Apache-2.0
"""What a session is given: what both parties must agree on, what one of them brings, whom it asks and tells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from medquorum.core.fixedpoint import IntArray
from medquorum.verifier.comparison.backends import Chosen, Comparing
from medquorum.verifier.model.parameters import Held, MaskedUpdate
from medquorum.verifier.model.plan import Plan
from medquorum.verifier.offline.cost_model import fitting_batch, in_batches
from medquorum.verifier.offline.direction_steps import ChoiceStep, LevelsStep, LossStep, RootStep
from medquorum.verifier.randomness.identifier import MaterialId
from medquorum.verifier.randomness.parts import GateMessage
from medquorum.verifier.session.evaluation import Samples
from medquorum.verifier.session.greeting import BaseCounts
from medquorum.verifier.session.journal import Journal

__all__ = ["DealerClient", "Forwarding", "ImageInputs", "Material", "Observer", "PartyInputs", "VerificationSpec"]


class Material(Protocol):
    """The dealer's stream for one attempt."""

    seed: bytes
    mask_seed: bytes

    def receive(self) -> tuple[MaterialId, GateMessage]:
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
    step
        Of the rule ``direction``.
    """

    name: MaterialId
    facts: Mapping[str, Any]
    plan: Plan
    comparison: Chosen
    images: int
    batch: int
    only_bit: bool
    step: RootStep | LevelsStep | LossStep | ChoiceStep | None = None

    @property
    def conditions(self) -> int:
        """Counts in the result: for every subject the total and, where the rule needs them, each class."""
        return sum(1 + (s.program.output.classes if self.plan.per_class else 0) for s in self.plan.subjects)

    @property
    def answers(self) -> int:
        """Answers that are counted: the images, or all labels of all."""
        return self.images * self.plan.answers

    def batches(self, comparing: Comparing) -> list[slice]:
        """Return the batches' images under a back end."""
        return in_batches(self.images, fitting_batch(self.plan, self.batch, comparing))


class DealerClient(Protocol):
    """The dealer as one party asks it."""

    def take(self, spec: VerificationSpec, attempt: int, first: int, comparing: Comparing) -> Material:
        """Ask for an attempt's material, from its first batch on, for a comparison back end."""
        ...

    def bandwidth(self) -> float:
        """Measure the bytes a second that come from the dealer."""
        ...


@dataclass(frozen=True)
class ImageInputs:
    """What P0 alone brings.

    Attributes
    ----------
    samples
        Images (n, h, w) or (n, h, w, c) of the model's type, and labels (n,) or (n, labels) of int64.
    minima
        Array of int64 (conditions,) where only the bit is opened, else None.
    statement
        What P0 tells P1: in disclosure mode count the base model's counts.
    """

    samples: Samples = field(repr=False)
    minima: IntArray | None = field(default=None, repr=False)
    statement: BaseCounts | None = None


class Forwarding(Protocol):
    """A masked update as its hospital handed it over: who has it can give it to the other party."""

    def value(self) -> bytes:
        """Return what is kept."""
        ...

    def take(self, value: bytes) -> MaskedUpdate:
        """Hold the other party's against the ledger, and keep it; ProtocolError where it is not the hospital's."""
        ...


@dataclass(frozen=True)
class PartyInputs:
    """What one party brings.

    Attributes
    ----------
    index
        0 or 1.
    journal
        None where this party's cannot be read: then it must not use any material.
    base
        Mapping of tensor name to int64 array.
        w, known to all.
    share
        Array of int64 (parameters,), MaskedUpdate or None.
        None where none was uploaded that fits its commitment.
    images
        None at P1; at P0 too where it lacks the committed ones.
    forwarding
        Where the update is handed over under its mask: how the party that lacks it gets it from the other one.
    """

    index: int
    spec: VerificationSpec
    journal: Journal | None
    dealer: DealerClient
    base: Mapping[str, IntArray] = field(repr=False)
    share: Held | None = field(repr=False)
    images: ImageInputs | None = None
    forwarding: Forwarding | None = None


class Observer:
    """Who is told how a session goes; does nothing unless a subclass does."""

    def progress(self, done: int, total: int) -> None:
        """Take images done and in all: at the start, when the model itself is done, after each batch."""

    def mask(self, seed: bytes) -> None:
        """Take the seed of the party's part of the mask in every attempt, before anything is computed with it."""

    def masked(self, parameters: IntArray) -> None:
        """Take the masked parameters R (parameters,) in every attempt that opens them, before they are used."""
