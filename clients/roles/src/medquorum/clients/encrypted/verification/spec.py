# SPDX-License-Identifier: Apache-2.0
"""From a task on the ledger to the spec of one verification, the same at both parties and the dealer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

from medquorum.clients.ledger.round_status import RoundStatus
from medquorum.core import canonical
from medquorum.core import model as modelformat
from medquorum.core.documents.encrypted import Encrypted
from medquorum.core.documents.task import Task
from medquorum.core.rules import parse_rule
from medquorum.errors import ConfigError, ProtocolError
from medquorum.verifier.comparison.backends import Comparing
from medquorum.verifier.offline.direction_steps import ChoiceStep, LevelsStep, LossStep, RootStep
from medquorum.verifier.offline.plan_message import PlanDocument
from medquorum.verifier.randomness.identifier import MaterialId
from medquorum.verifier.session.spec import VerificationSpec

__all__ = [
    "direction_document",
    "make_spec",
    "make_step_spec",
    "make_sum_spec",
    "plan_document",
    "settings_of",
    "sum_name",
]

_SUM = "sum of "


def settings_of(task: Task) -> Encrypted:
    """Return an encrypted task's settings.

    Raises
    ------
    ConfigError
        The task is plain.
    """
    if task.encrypted is None:
        raise ConfigError(f"the task {task.task} is not encrypted", "It has no parties, witness and dealer")
    return task.encrypted


def plan_document(
    task: Task, hospital: str, first_batch: int = 0, updates: int = 0, comparing: Comparing = "tree"
) -> PlanDocument:
    """Return what the dealer needs to know of an update's verification; nothing of it is secret.

    With ``updates`` the model that the sum of so many updates leads to is evaluated, instead of one update.
    ``comparing`` counts where the task leaves the back end to the parties.
    """
    settings = settings_of(task)
    rule = parse_rule(task.rule)
    description = modelformat.parse(task.model)
    conditions = len(rule.subjects) * (1 + description.classes * rule.per_class)
    return PlanDocument(
        parties=settings.evaluators(hospital),
        model=description,
        subjects=("own",) if updates else rule.subjects,
        lambda_numerator=task.lambda_numerator,
        lambda_bits=task.lambda_bits,
        grayscale=settings.grayscale,
        norm=None if updates else rule.norm,
        per_class=rule.per_class,
        comparison=comparing if settings.comparison == "auto" else settings.comparison,
        batch=settings.batch,
        images=task.dataset_size,
        first_batch=first_batch,
        needed=conditions if task.disclosure == "bit" else 0,
        updates=updates,
    )


def make_spec(task: Task, status: RoundStatus, hospital: str) -> VerificationSpec:
    """Make the spec of a candidate's verification; ProtocolError when it is none."""
    return _spec(task, status, hospital, [hospital], plan_document(task, hospital))


def make_sum_spec(task: Task, status: RoundStatus, hospitals: Sequence[str]) -> VerificationSpec:
    """Make the spec of evaluating the model that the sum of these candidates' updates leads to."""
    name = sum_name(hospitals)
    return _spec(task, status, name, hospitals, plan_document(task, name, updates=len(hospitals)))


def sum_name(hospitals: Sequence[str]) -> str:
    """Return the name of the verification of these updates together, in this order; no MSP id has a space."""
    return f"{_SUM}{sha256(canonical.encode(list(hospitals))).hexdigest()[:32]}"


def direction_document(
    task: Task, step: RootStep | LevelsStep | LossStep | ChoiceStep, first_batch: int = 0, comparing: Comparing = "tree"
) -> PlanDocument:
    """Return what the dealer needs to know of a step of the rule ``direction``; nothing of it is secret."""
    settings = settings_of(task)
    first, second = settings.parties
    loss = isinstance(step, LossStep)
    return PlanDocument(
        parties=(first, second),
        model=modelformat.parse(task.model),
        subjects=(),
        lambda_numerator=task.lambda_numerator,
        lambda_bits=task.lambda_bits,
        grayscale=settings.grayscale,
        norm=parse_rule(task.rule).norm if isinstance(step, LevelsStep) else None,
        per_class=False,
        comparison=(comparing if settings.comparison == "auto" else settings.comparison) if loss else "tree",
        batch=settings.batch,
        images=task.dataset_size,
        first_batch=first_batch,
        needed=0,
        updates=0,
        step=step,
    )


def make_step_spec(
    task: Task,
    status: RoundStatus,
    step: RootStep | LevelsStep | LossStep | ChoiceStep,
    hospital: str = "",
    facts: Mapping[str, Any] | None = None,
) -> VerificationSpec:
    """Make the spec of a step of the rule ``direction``; ``facts`` are what else both must agree on."""
    if status.round is None or status.root is None:
        raise ProtocolError("there is no round with a root update", "Compare both parties' ledger heights")
    hospitals = [hospital] if isinstance(step, LevelsStep) else _named(step)
    commitments = status.round.commitments
    if not {*hospitals} <= commitments.keys():
        raise ProtocolError("a model is of no candidates of this round", "Compare both parties' ledger heights")
    document = direction_document(task, step)
    settings = settings_of(task)
    return VerificationSpec(
        name=MaterialId(task.task, status.round.round, step.name(hospital)),
        facts={
            "updates": [[name, commitments[name]] for name in hospitals],
            "root": status.root.commitment,
            "step": step.model_dump(mode="json"),
            "dataset": task.dataset,
            "base": status.round.base,
            "rule": task.rule,
            **(facts or {}),
        },
        plan=document.plan(),
        comparison=settings.comparison if isinstance(step, LossStep) else "tree",
        images=task.dataset_size,
        batch=document.batch,
        only_bit=False,
        step=step,
    )


def _named(step: RootStep | LevelsStep | LossStep | ChoiceStep) -> list[str]:
    return [hospital for hospital, _ in step.weights] if isinstance(step, LossStep) else []


def _spec(
    task: Task, status: RoundStatus, name: str, hospitals: Sequence[str], document: PlanDocument
) -> VerificationSpec:
    unknown = [h for h in hospitals if status.round is None or h not in status.round.commitments]
    if status.round is None or unknown:
        raise ProtocolError(f"{unknown} are no candidates of this round", "Compare both parties' ledger heights")
    facts = {
        "updates": [[hospital, status.round.commitments[hospital]] for hospital in hospitals],
        "dataset": task.dataset,
        "base": status.round.base,
        "rule": task.rule,
        "disclosure": task.disclosure,
    }
    return VerificationSpec(
        name=MaterialId(task.task, status.round.round, name),
        facts=facts,
        plan=document.plan(),
        comparison=settings_of(task).comparison,
        images=task.dataset_size,
        batch=document.batch,
        only_bit=task.disclosure == "bit",
    )
