# SPDX-License-Identifier: Apache-2.0
"""Makes a task: what it names is checked against the consortium and fixed before its first round."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from medquorum.chaincode.access import check_member
from medquorum.chaincode.arguments import Json, TaskId
from medquorum.chaincode.context import Context
from medquorum.chaincode.dispatch import Answer, evaluate, transaction
from medquorum.core import model as modelformat
from medquorum.core import rules
from medquorum.core.aggregate import divisions
from medquorum.core.division import common_shift
from medquorum.core.documents.consortium import Consortium
from medquorum.core.documents.encrypted import LEAST_IN_A_SUM, Encrypted
from medquorum.core.documents.fields import MAX_DATASET
from medquorum.core.documents.model import Keeper
from medquorum.core.documents.task import Task
from medquorum.errors import ContractError, MedquorumError, ModelError

__all__ = [
    "check_coordinator",
    "check_encrypted",
    "check_hospital",
    "check_roles",
    "check_task",
    "check_verifier",
    "get_task",
]


def get_task(context: Context, name: str) -> Task:
    """Read a task that must exist (``TASK_MISSING``)."""
    return context.get(Task, name)


def check_coordinator(context: Context, task: Task) -> None:
    """Refuse everyone but clients of the task's coordinator or standby (``ACCESS_DENIED``)."""
    having = context.get(Consortium).having("coordinator")
    check_member(context, "coordinator", having, [task.coordinator, task.standby])


def check_verifier(context: Context, task: Task) -> None:
    """Refuse everyone but clients of the task's verifiers (``ACCESS_DENIED``)."""
    check_member(context, "verifier", context.get(Consortium).having("verifier"), task.verifiers)


def check_hospital(context: Context, taking_part: Sequence[str]) -> None:
    """Refuse everyone but clients of the hospitals that take part in a round (``ACCESS_DENIED``)."""
    check_member(context, "hospital", context.get(Consortium).having("hospital"), taking_part)


@transaction
def create_task(context: Context, document: Json) -> Answer:
    """Write a task; the contract adds docType, layout, length and created_by."""
    consortium = context.get(Consortium)
    coordinators = consortium.having("coordinator")
    check_member(context, "coordinator", coordinators, coordinators)
    given = dict(document) if isinstance(document, dict) else document
    layout, length = _layout(given)
    if isinstance(given, dict) and given.pop("layout", layout) != layout:
        raise ContractError("BAD_TASK", f"layout is not the model description's, which is {layout}")
    task = Task.from_argument(
        "BAD_TASK", given, layout=layout, length=length, created_by=context.msp, joined=None, left=None
    )
    check_task(task, consortium)
    if context.find(Task, task.task) is not None:
        raise ContractError("TASK_EXISTS", f"the task {task.task} exists", "Choose another name")
    context.put(task)
    context.put(Keeper(model=task.initial_model, task=task.task))
    context.event("TaskCreated", task=task.task)
    return task.plain()


@evaluate
def read_task(context: Context, task: TaskId) -> Answer:
    """Read a task."""
    return get_task(context, task).plain()


@evaluate
def list_tasks(context: Context) -> Answer:
    """List the names of all tasks."""
    return [task.task for task in context.list(Task)]


def _layout(fields: Any) -> tuple[str, int]:
    """Check the model description and the rule; return the layout's hash and a model's length in bytes."""
    if not isinstance(fields, dict):
        raise ContractError("BAD_TASK", "the document is not a JSON object")
    try:
        rules.parse_rule(fields.get("rule"))
        description = modelformat.parse(fields.get("model"))
        return modelformat.layout_hash(description), 4 * modelformat.parameters(description)
    except MedquorumError as error:
        raise ContractError("BAD_TASK", error.cause, error.remedy) from error


def check_task(task: Task, consortium: Consortium) -> None:
    """Refuse a new task whose parts do not fit together, or not the consortium (``BAD_TASK``)."""
    _check_numbers(task, consortium.quorum)
    check_roles(task, consortium)
    check_encrypted(task, consortium)
    _check_model(task)


def _check_numbers(task: Task, quorum: int) -> None:
    if task.lambda_numerator > 1 << task.lambda_bits:
        raise ContractError("BAD_TASK", f"lambda {task.lambda_numerator}/2^{task.lambda_bits} is more than 1")
    if not quorum <= task.quorum <= len(task.verifiers):
        raise ContractError(
            "BAD_TASK",
            f"quorum {task.quorum} is not from {quorum} to the number of verifiers, {len(task.verifiers)}",
        )
    if task.keep_models and task.model_store == "public":
        raise ContractError(
            "BAD_TASK",
            "keep_models is set, but a public store keeps every model for ever",
            "Set model_store to private, or keep_models to 0",
        )


def _check_model(task: Task) -> None:
    """Refuse a model that this verification, or this rule, does not evaluate (``BAD_TASK``)."""
    description, rule = modelformat.parse(task.model), rules.parse_rule(task.rule)
    if isinstance(rule, rules.Weighted) and len(rule.weights) != description.classes:
        raise ContractError(
            "BAD_TASK",
            f"the rule has {len(rule.weights)} weights for {description.classes} classes",
            "Give one weight for each class; of several labels two for each, without and with it",
        )
    answers = task.dataset_size * description.output.answers
    if answers > MAX_DATASET:
        raise ContractError(
            "BAD_TASK", f"the set has {answers} answers, more than {MAX_DATASET}", "Use fewer images, or fewer labels"
        )
    if task.has_root and description.output.kind != "classes":
        raise ContractError("BAD_TASK", "the rule direction is for models that tell classes", "Use another rule")


def check_roles(task: Task, consortium: Consortium) -> None:
    """Refuse a task that names an organisation without its role in the consortium, or too few (``BAD_TASK``)."""
    standby = [] if task.standby is None else [task.standby]
    dealer = [] if task.encrypted is None else [task.encrypted.dealer]
    for role, named in (
        ("coordinator", [task.coordinator, *standby]),
        ("verifier", task.verifiers),
        ("hospital", task.hospitals),
        ("dealer", dealer),
    ):
        without = [msp for msp in named if role not in consortium.members.get(msp, [])]
        if without:
            raise ContractError("BAD_TASK", f"{', '.join(without)} do not have the role {role} in the consortium")
    if standby == [task.coordinator]:
        raise ContractError("BAD_TASK", "the standby is the coordinator itself", "Name another one, or null")
    if task.minimum_accepted > len(task.hospitals):
        raise ContractError(
            "BAD_TASK", f"minimum_accepted {task.minimum_accepted} is more than the {len(task.hospitals)} hospitals"
        )


def check_encrypted(task: Task, consortium: Consortium) -> None:
    """Refuse settings for encryption that do not fit the rest of the task (``BAD_TASK``)."""
    settings = task.encrypted
    if (task.verification == "encrypted") != (settings is not None):
        raise ContractError("BAD_TASK", "encrypted is given exactly where the verification is encrypted")
    if settings is None:
        return
    strangers = sorted({*settings.aggregators} - consortium.members.keys())
    if strangers:
        raise ContractError("BAD_TASK", f"the aggregators {', '.join(strangers)} are no members", "Name others")
    if sorted(settings.parties) != task.verifiers:
        raise ContractError(
            "BAD_TASK",
            f"the parties are {settings.parties}, the verifiers {task.verifiers}",
            "Name the two parties as the task's verifiers",
        )
    rule = rules.parse_rule(task.rule)
    if isinstance(rule, rules.Weighted) and task.disclosure == "bit":
        raise ContractError(
            "BAD_TASK", "the rule weighted adds counts of classes up, which one bit hides", "Use disclosure count"
        )
    if task.minimum_accepted < LEAST_IN_A_SUM:
        raise ContractError(
            "BAD_TASK",
            f"the sum of {task.minimum_accepted} updates would be opened",
            f"Set minimum_accepted to 2 and the number of hospitals that may collude, at least {LEAST_IN_A_SUM}",
        )
    _check_norm(task, rule)
    if isinstance(rule, rules.Direction):
        _check_direction(task, settings, rule)
    elif task.judges_rounds:
        _check_sums(task, settings)


def _check_norm(task: Task, rule: rules.Rule) -> None:
    """Refuse a bound on the norm that hidden squares do not reach without wrapping."""
    layout = modelformat.layout(modelformat.parse(task.model))
    room = rules.hidden_limit(sum(spec.size for spec in layout if spec.kind.mixed))
    if rule.norm is not None and rules.squared_limit(rule.norm) >= room:
        raise ContractError(
            "BAD_TASK", f"the norm bound {rule.norm} is too large for encryption", "Choose a smaller one, or none"
        )


def _check_direction(task: Task, settings: Encrypted, rule: rules.Direction) -> None:
    """Refuse a rule that weighs hidden updates where a weighted sum could give one away, or losses do not fit."""
    if settings.semi_honest:
        raise ContractError(
            "BAD_TASK",
            f"the rule {rule.name} needs every update under its mask at {' and '.join(settings.parties)}",
            "Use placement outsourced, or a rule over single updates",
        )
    if rule.members < rules.MEMBERS:
        raise ContractError(
            "BAD_TASK",
            f"a sum among {rule.members} thousandths of a member could give an update away",
            f"Set the rule's members to {rules.MEMBERS} at least",
        )
    if rule.drops:
        raise ContractError(
            "BAD_TASK",
            f"the rule {rule.name} with drops compares losses, which stay hidden under encryption",
            "Leave drops away, or choose plain verification",
        )
    description = modelformat.parse(task.model)
    channels = sum(spec.size for spec in modelformat.layout(description) if spec.kind is modelformat.Kind.MEAN)
    if channels > rules.MOST_CHANNELS:
        raise ContractError(
            "BAD_TASK",
            f"the model normalises more than {rules.MOST_CHANNELS} channels: too many for {rule.name} under encryption",
            "Use a smaller model, or plain verification",
        )
    if not rules.losses_fit(rule, description.classes):
        raise ContractError(
            "BAD_TASK",
            f"losses of {description.classes} classes are too large for {rule.name} under encryption",
            "Choose a smaller cap, or plain verification",
        )


def _check_sums(task: Task, settings: Encrypted) -> None:
    """Refuse a rule over rounds where the parties could not evaluate the models that sums of updates lead to."""
    if task.disclosure != "count" or settings.semi_honest:
        raise ContractError(
            "BAD_TASK",
            f"a rule over whole rounds opens counts, and needs both shares of every update at {settings.parties}",
            "Use disclosure count and placement outsourced, or a rule over single updates",
        )
    kinds = {spec.kind for spec in modelformat.layout(modelformat.parse(task.model))}
    try:
        for count in range(1, len(task.hospitals) + 1):
            common_shift(divisions(kinds, task.lambda_bits, count))
    except ModelError as error:
        raise ContractError("BAD_TASK", error.cause, error.remedy) from error
