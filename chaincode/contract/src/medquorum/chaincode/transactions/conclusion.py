# SPDX-License-Identifier: Apache-2.0
"""ConcludeRound: a plain round's verdicts, its new model and the next round in one transaction.

As many verifiers endorse it as would have to attest the model. It reads no private data and computes nothing: each
endorser states what it has prepared, and refuses until it has (``NOT_READY``). Like each step of a round it writes the
key ``round~T~r``, which SubmitUpdate and all others read, and from an open round it has read the range of its updates:
of a straggler and a conclusion in one block the later one is invalid.
"""

from __future__ import annotations

from typing import Any

from medquorum.chaincode.access import check_local
from medquorum.chaincode.arguments import RoundNumber, TaskId
from medquorum.chaincode.context import Context
from medquorum.chaincode.dispatch import Answer, evaluate, transaction
from medquorum.chaincode.evaluation_jobs.averaging import aggregate_key, average
from medquorum.chaincode.evaluation_jobs.evaluator import advance_candidates, round_evaluator
from medquorum.chaincode.evaluation_jobs.judgement import judgement
from medquorum.chaincode.evaluation_jobs.loader import data_loader
from medquorum.chaincode.jobs import Progress
from medquorum.chaincode.node import NewModel
from medquorum.chaincode.state.chunks import put_chunk
from medquorum.chaincode.state.conclusions import open_conclusion
from medquorum.chaincode.state.rounds import get_round, judged_round
from medquorum.chaincode.state.updates import drop_updates
from medquorum.chaincode.state.verdicts import check_undecided, outcome_of, put_verdict
from medquorum.chaincode.transactions.aggregate import model_result
from medquorum.chaincode.transactions.models import keep_model, store_of
from medquorum.chaincode.transactions.task import check_coordinator, get_task
from medquorum.core import rules
from medquorum.core.documents.chunk import chunks_of
from medquorum.core.documents.conclusion import Conclusion
from medquorum.core.documents.round import Round
from medquorum.core.documents.task import Task
from medquorum.core.documents.verdict import disclosed
from medquorum.core.model import stored_form
from medquorum.errors import ContractError

Prepared = tuple[tuple[rules.Verdict, ...], Round, NewModel | None]
"""The verdicts, the round with what became of its candidates, and the new model, None where the base is kept."""


@evaluate
def prepare_conclusion(context: Context, task: TaskId, round_number: RoundNumber) -> Answer:
    """Judge all candidates and compute the new model, once no other update can come; ask until it is ready."""
    check_local(context)
    document = _plain(context, task)
    frozen = judged_round(context, document, round_number)
    runner, node = context.node.job_runner, context.node
    if not document.has_root:  # with a root updates are judged together alone
        evaluated = advance_candidates(context, document, frozen)
        if len(evaluated) < len(frozen.candidates):
            return Progress(len(evaluated), len(frozen.candidates)).plain()
    load = data_loader(context, document, frozen)
    key, start = judgement(context, document, frozen)
    verdicts = runner.advance(node.verdicts, key, start, load)
    if isinstance(verdicts, Progress):
        return verdicts.plain()
    answer: dict[str, Any] = {"results": {verdict.name: disclosed(document, verdict) for verdict in verdicts}}
    decided = _decided(document, frozen, verdicts)
    if _keeps_base(document, decided) is None:
        averaging = round_evaluator(context, document, decided)
        model = runner.advance(node.new_models, aggregate_key(document, decided), lambda: average(averaging), load)
        if isinstance(model, Progress):
            return model.plain()
        answer |= model_result(document, model)
    return answer | {"state": "ready"}


@transaction
def conclude_round(context: Context, task: TaskId, round_number: RoundNumber) -> Answer:
    """Write all verdicts and the new model, close the round and open the next one, from what each has prepared."""
    document = _plain(context, task)
    check_coordinator(context, document)
    verdicts, decided, model = _prepared(context, document, judged_round(context, document, round_number))
    for verdict in verdicts:
        # Verdicts that are written one by one have their own transactions for the rest of the round.
        check_undecided(context, task, round_number, verdict.name)
        put_verdict(context, document, decided, verdict)
    if model is None:
        reason = _keeps_base(document, decided)
        concluded = decided.model_copy(update={"state": "closed", "model": decided.base, "reason": reason})
    else:
        concluded = _conclude(context, document, decided, model)
    context.put(concluded)
    opened = _open_next(context, document, concluded)
    if round_number > 1 and not document.keep_updates:
        # The last round's stay until the next conclusion: its verdicts may be disputed.
        drop_updates(context, document, get_round(context, task, round_number - 1))
    following = {} if opened is None else {"opened": opened}
    context.event("RoundConcluded", task=task, round=round_number, **following)
    return concluded.plain()


def _plain(context: Context, name: str) -> Task:
    task = get_task(context, name)
    task.expect("plain", "The parties attest what they open: send CloseVerdicts and CloseRound")
    return task


def _decided(task: Task, frozen: Round, verdicts: tuple[rules.Verdict, ...]) -> Round:
    """Return the round with what its verdicts make of its candidates."""
    outcomes = {verdict.name: outcome_of(verdict.accepted, disclosed(task, verdict)["reason"]) for verdict in verdicts}
    accepted = [name for name in frozen.candidates if outcomes[name] == "accepted"]
    weights = {verdict.name: verdict.weight or 0 for verdict in verdicts if verdict.accepted} if task.has_root else None
    return frozen.model_copy(update={"outcomes": outcomes, "accepted": accepted, "weights": weights, "reason": None})


def _keeps_base(task: Task, decided: Round) -> str | None:
    """Return why there is no new model to compute, None where there is one."""
    if len(decided.accepted) < task.minimum_accepted:
        return "TOO_FEW"
    return "NO_GAIN" if decided.weights is not None and not any(decided.weights.values()) else None


def _prepared(context: Context, task: Task, frozen: Round) -> Prepared:
    """Return what this process computed; its memory decides between an answer and a refusal, never about a read."""
    key, _ = judgement(context, task, frozen)
    verdicts = context.node.verdicts.get(key)
    if verdicts is not None:
        decided = _decided(task, frozen, verdicts)
        if _keeps_base(task, decided) is not None:
            return verdicts, decided, None
        model = context.node.new_models.get(aggregate_key(task, decided))
        if model is not None:
            return verdicts, decided, model
    raise ContractError(
        "NOT_READY",
        f"{context.node.msp_id} has not computed the conclusion of round {frozen.round}",
        "Call PrepareConclusion on every endorsing verifier's peer until it is ready, then send this again",
    )


def _conclude(context: Context, task: Task, decided: Round, model: NewModel) -> Round:
    """State the new model; store it where it is one chunk, else the round goes on until the chunks are stored."""
    conclusion = Conclusion(task=task.task, round=decided.round, accepted=decided.accepted, **model_result(task, model))
    context.put(conclusion)
    if conclusion.keeps_base is not None:
        ended = {"state": "closed", "model": decided.base, "reason": conclusion.keeps_base}
        return decided.model_copy(update=ended)
    if len(model.chunks) > 1:
        return decided.model_copy(update={"state": "aggregating"})
    store = store_of(context, model.model, task.model_store)
    put_chunk(context, model.model, chunks_of(model.chunks, task.length), 0, store, stored_form(model.packed))
    keep_model(context, task, decided, model.model, model.chunks)
    return decided.model_copy(update={"state": "closed", "model": model.model})


def _open_next(context: Context, task: Task, concluded: Round) -> int | None:
    """Open the round after a closed one, where the task has one; return its number."""
    following = concluded.round + 1
    if concluded.state != "closed" or concluded.model is None or following > task.rounds:
        return None
    open_conclusion(context, task, following)
    context.put(Round(task=task.task, round=following, state="open", base=concluded.model))
    return following
