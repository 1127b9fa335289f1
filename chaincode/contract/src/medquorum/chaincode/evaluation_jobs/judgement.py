# SPDX-License-Identifier: Apache-2.0
"""How a whole round is judged by its task's rule: behind PrepareRound and PrepareConclusion."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TypeAlias

from medquorum.chaincode.context import Context
from medquorum.chaincode.evaluation_jobs.direction import direction_key, judge_directions
from medquorum.chaincode.evaluation_jobs.evaluator import evaluate_all, round_evaluator, round_key
from medquorum.chaincode.jobs import Steps
from medquorum.chaincode.state.roots import root_standing
from medquorum.core import rules
from medquorum.core.documents.root import Root
from medquorum.core.documents.round import Round
from medquorum.core.documents.task import Task
from medquorum.errors import ContractError

__all__ = ["judgement"]

Verdicts: TypeAlias = Steps[tuple[rules.Verdict, ...]]


def judgement(context: Context, task: Task, round_: Round) -> tuple[Hashable, Callable[[], tuple[Verdicts, int]]]:
    """Return the name of a whole round's judgement and what makes it.

    Raises
    ------
    ContractError
        ``ROOT_MISSING``; ``NOT_READY`` while too few verifiers have spoken for the round's root update.
    """
    rule = rules.parse_rule(task.rule)
    if not isinstance(rule, rules.Direction):
        return round_key(task, round_), lambda: evaluate_all(round_evaluator(context, task, round_))
    root, standing = context.get(Root, task.task, round_.round), root_standing(context, task, round_.round)
    if standing == "awaited":
        raise ContractError("NOT_READY", "the round's root update is not attested yet", "Send AttestRoot, ask again")
    return direction_key(task, round_, root, standing), lambda: judge_directions(
        round_evaluator(context, task, round_), rule, standing
    )
