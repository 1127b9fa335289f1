# SPDX-License-Identifier: Apache-2.0
"""The public plan of a verification: what dealer and both parties agree on before it starts."""

from __future__ import annotations

from dataclasses import dataclass

from medquorum.core.model.layout import TensorSpec
from medquorum.verifier.direction.margin import Margin
from medquorum.verifier.gates.averaging import Averaging
from medquorum.verifier.gates.verdict.agreement import Agreement
from medquorum.verifier.gates.verdict.correctness import Correctness
from medquorum.verifier.model.program import Program

__all__ = ["Mixture", "Plan", "Subject"]


@dataclass(frozen=True)
class Mixture:
    """p = λ·w + (1-λ)·r with λ = A / 2^k, r alone with A = k = 0, or A·w + a sum of weighted updates.

    Attributes
    ----------
    numerator, bits
        A and k.
    weighted
        True where instead of r there is Σ W·r, W adding up to 2^k - A, and of mean and scale Σ V·r, V adding up to 2^k.
    """

    numerator: int
    bits: int
    weighted: bool = False

    @property
    def other(self) -> int:
        """The factor of the update: 2^k - A, or 1."""
        return 1 if self.weighted else (1 << self.bits) - self.numerator

    @property
    def statistics(self) -> int:
        """Fraction bits beyond f of mean and scale."""
        return self.bits if self.weighted else 0

    @property
    def mean_shift(self) -> int:
        """Bits that bring the mean to the f + k fraction bits of a bias."""
        return self.bits - self.statistics


@dataclass(frozen=True)
class Subject:
    """A model to evaluate: ``mixed`` is p, ``own`` is r.

    Attributes
    ----------
    key
        Unique in the plan.
    """

    key: str
    program: Program
    mixture: Mixture


@dataclass(frozen=True)
class Plan:
    """What is evaluated.

    Attributes
    ----------
    norm
        Largest allowed sum of squares of r - w over the mixed tensors, in units of 2^-32.
    per_class
        True when a rule needs correct images per class.
    averaging
        Where the hidden vector is a sum of verified updates, and the model that it leads to is evaluated: that one is
        within RANGE as the updates are, so that nothing is checked again.
    margin
        Where losses are wanted instead of correct images.
    """

    layout: tuple[TensorSpec, ...]
    subjects: tuple[Subject, ...]
    norm: int | None = None
    per_class: bool = False
    averaging: Averaging | None = None
    margin: Margin | None = None

    @property
    def parameters(self) -> int:
        """Number of parameters."""
        return sum(spec.size for spec in self.layout)

    @property
    def answers(self) -> int:
        """Answers that are counted of an image."""
        return max((subject.program.output.answers for subject in self.subjects), default=1)

    def correctness(self, subject: Subject) -> Correctness | Agreement:
        """Return the gate that follows a subject's logits."""
        program = subject.program
        output = program.output
        if output.kind == "classes":
            return Correctness(output.count, program.width, self.per_class)
        thresholds = (output.threshold,) if output.kind == "logit" else output.thresholds
        return Agreement(thresholds, program.width, self.per_class)
