# SPDX-License-Identifier: Apache-2.0
"""VerifyUpdate and VerifyRound: every endorser states what it evaluated itself beforehand, on private images."""

from __future__ import annotations

from typing import Any

from medquorum.chaincode.access import check_local
from medquorum.chaincode.arguments import Msp, RoundNumber, TaskId
from medquorum.chaincode.context import Context
from medquorum.chaincode.dispatch import Answer, evaluate, transaction
from medquorum.chaincode.evaluation_jobs.evaluator import (
    advance_candidates,
    evaluate_update,
    round_evaluator,
    verdict_key,
)
from medquorum.chaincode.evaluation_jobs.judgement import judgement
from medquorum.chaincode.evaluation_jobs.loader import data_loader
from medquorum.chaincode.jobs import Progress
from medquorum.chaincode.state.rounds import freeze, get_round
from medquorum.chaincode.state.verdicts import check_undecided, find_verdict, put_verdict
from medquorum.chaincode.transactions.task import check_verifier, get_task
from medquorum.core import rules
from medquorum.core.documents.round import Round
from medquorum.core.documents.task import Task
from medquorum.core.documents.verdict import disclosed
from medquorum.errors import ContractError


@evaluate
def prepare_updates(context: Context, task: TaskId, round_number: RoundNumber) -> Answer:
    """Evaluate the updates that are there, before the others; what each is worth beside others is judged later."""
    check_local(context)
    document = _plain(context, task)
    round_ = get_round(context, task, round_number)
    round_.expect("open", "verifying")
    arrived = freeze(context, round_)
    evaluated = advance_candidates(context, document, arrived)
    progress = Progress(len(evaluated), len(arrived.commitments))
    state = {"state": "ready"} if progress.done == progress.total else progress.plain()
    return state | {"evaluated": evaluated}


@evaluate
def prepare_verdict(context: Context, task: TaskId, round_number: RoundNumber, hospital: Msp) -> Answer:
    """Evaluate one update on the local organisation's verification set; ask until it is ready."""
    check_local(context)
    document = _task(context, task, over_round=False)
    round_ = _verifying(context, document, round_number)
    key = _key(document, round_, hospital)
    evaluator = round_evaluator(context, document, round_)
    verdicts = context.node.job_runner.advance(
        context.node.verdicts,
        key,
        lambda: evaluate_update(evaluator, hospital),
        data_loader(context, document, round_),
    )
    if isinstance(verdicts, Progress):
        return verdicts.plain()
    return {"state": "ready", "result": disclosed(document, verdicts[0])}


@evaluate
def prepare_round(context: Context, task: TaskId, round_number: RoundNumber) -> Answer:
    """Evaluate all updates of a round, for a rule over the round; ask until it is ready."""
    check_local(context)
    document = _task(context, task, over_round=True)
    round_ = _verifying(context, document, round_number)
    key, start = judgement(context, document, round_)
    verdicts = context.node.job_runner.advance(
        context.node.verdicts, key, start, data_loader(context, document, round_)
    )
    if isinstance(verdicts, Progress):
        return verdicts.plain()
    return {"state": "ready", "results": {verdict.name: disclosed(document, verdict) for verdict in verdicts}}


@transaction
def verify_update(context: Context, task: TaskId, round_number: RoundNumber, hospital: Msp) -> Answer:
    """Write the verdict on one update, from what each endorser has prepared."""
    document = _task(context, task, over_round=False)
    check_verifier(context, document)
    round_ = _verifying(context, document, round_number)
    check_undecided(context, task, round_number, hospital)
    key = _key(document, round_, hospital)
    verdict = put_verdict(context, document, round_, _prepared(context, round_number, key)[0])
    context.event("UpdateVerified", task=task, round=round_number, hospital=hospital)
    return verdict.plain()


@transaction
def verify_round(context: Context, task: TaskId, round_number: RoundNumber) -> Answer:
    """Write the verdicts on all updates of a round, for a rule over the round."""
    document = _task(context, task, over_round=True)
    check_verifier(context, document)
    round_ = _verifying(context, document, round_number)
    for hospital in round_.candidates:
        check_undecided(context, task, round_number, hospital)
    key, _ = judgement(context, document, round_)
    prepared = _prepared(context, round_number, key)
    written = [put_verdict(context, document, round_, verdict) for verdict in prepared]
    context.event("RoundVerified", task=task, round=round_number)
    return {verdict.hospital: verdict.plain() for verdict in written}


@evaluate
def read_verdict(context: Context, task: TaskId, round_number: RoundNumber, hospital: Msp) -> Answer:
    """Read a verdict, "pending" before there is one."""
    verdict = find_verdict(context, task, round_number, hospital)
    return "pending" if verdict is None else verdict.plain()


def _task(context: Context, name: str, *, over_round: bool) -> Task:
    """Read a task; refuse where it is encrypted or its rule is of the other sort."""
    task = _plain(context, name)
    rule = rules.parse_rule(task.rule)
    if rule.over_round != over_round:
        fitting = "PrepareRound and VerifyRound" if rule.over_round else "PrepareVerdict and VerifyUpdate"
        raise ContractError("WRONG_RULE", f"the rule {rule.name} does not work like this", f"Use {fitting}")
    return task


def _plain(context: Context, name: str) -> Task:
    task = get_task(context, name)
    task.expect("plain", "The parties evaluate on their shares: each sends AttestVerdict or AttestRound")
    return task


def _verifying(context: Context, task: Task, round_number: int) -> Round:
    round_ = get_round(context, task.task, round_number)
    round_.expect("verifying")
    return round_


def _key(task: Task, round_: Round, hospital: str) -> Any:
    if hospital not in round_.candidates:
        raise ContractError(
            "UPDATE_MISSING",
            f"{hospital} is not a candidate of round {round_.round}",
            f"They are {round_.candidates}",
        )
    return verdict_key(task, round_, [name for name in round_.candidates if name <= hospital])


def _prepared(context: Context, round_number: int, key: Any) -> tuple[rules.Verdict, ...]:
    """Return what this process evaluated; its memory decides between an answer and a refusal, never about a read."""
    verdicts = context.node.verdicts.get(key)
    if verdicts is None:
        raise ContractError(
            "NOT_READY",
            f"{context.node.msp_id} has not evaluated this in round {round_number}",
            "Call Prepare on every endorsing verifier's peer until it is ready, then send this again",
        )
    return verdicts
