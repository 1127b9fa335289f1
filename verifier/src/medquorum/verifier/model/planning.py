# SPDX-License-Identifier: Apache-2.0
"""Make the plan of a verification from a task's model, λ and rule needs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

from medquorum.core.model import ModelDescription, layout
from medquorum.core.rules.direction.weights import WEIGHT_BITS
from medquorum.core.rules.distance import squared_limit
from medquorum.core.rules.documents import Direction
from medquorum.errors import ModelError
from medquorum.verifier.direction.margin import Margin
from medquorum.verifier.gates.averaging import Averaging
from medquorum.verifier.gates.verdict.norm import check_limit
from medquorum.verifier.model.plan import Mixture, Plan, Subject
from medquorum.verifier.model.program import compile_program

__all__ = ["SubjectKey", "make_candidate_plan", "make_plan"]

SubjectKey: TypeAlias = Literal["mixed", "own"]


def make_plan(
    description: ModelDescription,
    subjects: Sequence[SubjectKey],
    *,
    lambda_numerator: int,
    lambda_bits: int,
    grayscale: bool,
    norm: int | None = None,
    per_class: bool = False,
    updates: int = 0,
) -> Plan:
    """Make a plan.

    Parameters
    ----------
    subjects
        Sequence of "mixed" (p) or "own" (r).
        Models the task's rule evaluates.
    lambda_numerator, lambda_bits
        λ = A / 2^k.
    grayscale
        True when the images have one channel.
    norm
        Bound on the L2 norm of r - w in thousandths of a unit.
    per_class
        True when the rule needs correct images per class.
    updates
        Evaluate the model that the sum of so many updates leads to; 0: one update.

    Raises
    ------
    ConfigError
        The norm bound does not fit the ring.
    ModelError
        So many updates cannot be averaged exactly.
    """
    specs = layout(description)
    limit = None if norm is None else squared_limit(norm)
    if limit is not None:
        check_limit(specs, limit)
    mixtures = {"mixed": Mixture(lambda_numerator, lambda_bits), "own": Mixture(0, 0)}
    made = [
        Subject(key, compile_program(description, lambda_bits=mixtures[key].bits, grayscale=grayscale), mixtures[key])
        for key in subjects
    ]
    averaging = Averaging(specs, lambda_numerator, lambda_bits, updates) if updates else None
    return Plan(specs, tuple(made), limit, per_class, averaging)


def make_candidate_plan(description: ModelDescription, rule: Direction, weight: int, *, grayscale: bool) -> Plan:
    """Make the plan of the loss of a model of weighted updates: ((2^8 - ΣW)·w + Σ W·r) / 2^8, evaluated unrounded.

    Parameters
    ----------
    weight
        ΣW.
    grayscale
        True when the images have one channel.

    Raises
    ------
    ConfigError
        The losses do not fit the ring.
    ModelError
        The model's output is not one of classes.
    """
    output = description.output
    if output.kind != "classes":
        raise ModelError("the rule direction is for models of classes", "Choose another rule")
    program = compile_program(description, lambda_bits=WEIGHT_BITS, grayscale=grayscale)
    mixture = Mixture((1 << WEIGHT_BITS) - weight, WEIGHT_BITS, weighted=True)
    margin = Margin(rule, output.count, program.width)
    return Plan(layout(description), (Subject("candidate", program, mixture),), margin=margin)
