# SPDX-License-Identifier: Apache-2.0
"""Hospitals that join or leave a running task."""

from __future__ import annotations

from typing import Any

from medquorum.chaincode.arguments import JsonList, TaskId
from medquorum.chaincode.context import Context
from medquorum.chaincode.dispatch import Answer, transaction
from medquorum.chaincode.state.rounds import latest_round
from medquorum.chaincode.transactions.task import check_coordinator, check_encrypted, check_roles, get_task
from medquorum.core.documents.consortium import Consortium
from medquorum.core.documents.task import Task


@transaction
def update_hospitals(context: Context, task: TaskId, hospitals: JsonList) -> Answer:
    """Make these the task's hospitals: new ones take part from the next round, those left out hand in no more.

    An update that was handed in before stays in its round. Aggregation nodes that were expelled are no nodes any more;
    where the coordinator has lost that role its standby has it from now on.
    """
    document = get_task(context, task)
    check_coordinator(context, document)
    round_ = latest_round(context, task, document.rounds)
    latest = 0 if round_ is None else round_.round
    before = document.joined or {}
    consortium = context.get(Consortium)
    given = document.model_dump() | {"hospitals": hospitals, "joined": None, "left": None}
    given |= _remaining_coordinators(document, consortium) | _remaining_nodes(document, consortium)
    changed = Task.from_argument("BAD_TASK", given)
    joined = {
        hospital: before.get(hospital, 1) if hospital in document.hospitals else latest + 1
        for hospital in changed.hospitals
    }
    later = {hospital: number for hospital, number in joined.items() if number > 1}
    left = (document.left or {}) | dict.fromkeys(document.hospitals, latest)
    gone = {hospital: last for hospital, last in left.items() if last and hospital not in changed.hospitals}
    changed = changed.model_copy(update={"joined": later or None, "left": gone or None})
    check_roles(changed, consortium)
    check_encrypted(changed, consortium)
    context.put(changed)
    context.event("TaskChanged", task=task)
    return changed.plain()


def _remaining_coordinators(task: Task, consortium: Consortium) -> dict[str, Any]:
    """Return the coordinator and standby that may coordinate still: one at least, for it is who calls."""
    coordinator, *standby = (msp for msp in (task.coordinator, task.standby) if msp in consortium.having("coordinator"))
    return {"coordinator": coordinator, "standby": standby[0] if standby else None}


def _remaining_nodes(task: Task, consortium: Consortium) -> dict[str, Any]:
    """Return the field ``encrypted`` without aggregators that are no members any more; nothing in a plain task.

    The parties stay in it: the task cannot go on without them, so check_roles refuses where one was expelled.
    """
    settings = task.encrypted
    if settings is None:
        return {}
    gone = {*settings.aggregators} - consortium.members.keys() - {*settings.parties}
    kept = {
        "aggregators": [node for node in settings.aggregators if node not in gone],
        "services": {msp: address for msp, address in settings.services.items() if msp not in gone},
    }
    return {"encrypted": settings.model_dump() | kept}
