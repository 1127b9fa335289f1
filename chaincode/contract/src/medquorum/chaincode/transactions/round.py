# SPDX-License-Identifier: Apache-2.0
"""The round's steps: opened, submissions closed, verdicts closed, closed or aborted; only the coordinator makes them.

Each step writes the one key ``round~T~r``, which every other transaction of the round reads: a transaction simulated
before a step and ordered after it is invalid.
"""

from __future__ import annotations

from medquorum.chaincode.arguments import Reason, RoundNumber, TaskId
from medquorum.chaincode.context import Context
from medquorum.chaincode.dispatch import Answer, evaluate, transaction
from medquorum.chaincode.state.chunks import stored_chunks
from medquorum.chaincode.state.conclusions import find_conclusion, open_conclusion
from medquorum.chaincode.state.rounds import freeze, get_round, latest_round
from medquorum.chaincode.state.verdicts import find_verdict, outcome_of
from medquorum.chaincode.transactions.aggregate import agreed, find_aggregates
from medquorum.chaincode.transactions.models import keep_model, store_of
from medquorum.chaincode.transactions.task import check_coordinator, get_task
from medquorum.core import rules
from medquorum.core.documents.aggregation.aggregate import Aggregate
from medquorum.core.documents.aggregation.opened import OVERLAP, OpenedSum, revealing
from medquorum.core.documents.attestation import Attestation
from medquorum.core.documents.conclusion import Conclusion
from medquorum.core.documents.model import Model
from medquorum.core.documents.round import ENDED, Outcome, Round
from medquorum.core.documents.task import Task
from medquorum.core.model import model_hash
from medquorum.errors import ContractError


@transaction
def open_round(context: Context, task: TaskId, round_number: RoundNumber) -> Answer:
    """Open a round on the model of the one before, on the initial model for round 1."""
    document = get_task(context, task)
    check_coordinator(context, document)
    base = _base(context, document, round_number)
    manifest = context.find(Model, base)
    if manifest is None or (round_number == 1 and not _complete(context, manifest)):
        raise ContractError(
            "MODEL_MISSING", f"the model {base} is not stored", "Store all its chunks with PutModelChunk"
        )
    if (manifest.layout, manifest.length) != (document.layout, document.length):
        raise ContractError("BAD_LAYOUT", f"the model {base} has another layout than the task {task}")
    open_conclusion(context, document, round_number)
    return _step(context, "RoundOpened", Round(task=task, round=round_number, state="open", base=base))


@transaction
def close_submissions(context: Context, task: TaskId, round_number: RoundNumber, reason: Reason) -> Answer:
    """Freeze the candidates: those who have submitted by now."""
    round_ = _coordinated(context, task, round_number)
    round_.expect("open")
    frozen = freeze(context, round_)
    return _step(
        context, "SubmissionsClosed", frozen.model_copy(update={"state": "verifying", "reason": reason or None})
    )


@transaction
def close_verdicts(context: Context, task: TaskId, round_number: RoundNumber, reason: Reason) -> Answer:
    """Fix the accepted set; a verdict that is still missing needs a reason and is never an acceptance."""
    document = get_task(context, task)
    round_ = _coordinated(context, task, round_number)
    round_.expect("verifying")
    outcomes = {hospital: _outcome(context, document, round_number, hospital) for hospital in round_.candidates}
    pending = [hospital for hospital, outcome in outcomes.items() if outcome == "missing"]
    if pending and not reason:
        raise ContractError(
            "VERDICTS_PENDING",
            f"no verdict yet on {', '.join(pending)}",
            "Wait, or close with a reason to leave them out",
        )
    accepted = [hospital for hospital, outcome in outcomes.items() if outcome == "accepted"]
    weights = _weights(context, document, round_number, accepted)
    fixed = {"outcomes": outcomes, "accepted": accepted, "weights": weights}
    refused = _refused_sum(context, document, round_.model_copy(update=fixed))
    if refused is None and weights is not None and not any(weights.values()):
        refused = "NO_GAIN"
    if refused is not None:
        ended = {"state": "closed", "model": round_.base, "reason": _because(refused, reason)}
        return _step(context, "RoundClosed", round_.model_copy(update=fixed | ended))
    following = {"state": "aggregating", "reason": reason or None}
    return _step(context, "VerdictsClosed", round_.model_copy(update=fixed | following))


@transaction
def close_round(context: Context, task: TaskId, round_number: RoundNumber, reason: Reason) -> Answer:
    """Make the attested model the round's: a majority of at least k equal attestations, all chunks stored."""
    document = get_task(context, task)
    round_ = _coordinated(context, task, round_number)
    round_.expect("aggregating")
    result, others = _result(context, document, round_)
    ended = round_.model_copy(update={"state": "closed", "reason": reason or None, "differing": others or None})
    if result.keeps_base is not None:
        kept = {"model": round_.base, "reason": _because(result.keeps_base, reason)}
        return _step(context, "RoundClosed", ended.model_copy(update=kept))
    store, count = store_of(context, result.model, document.model_store), len(document.chunk_sizes)
    hashes = [digest for digest in stored_chunks(context, result.model, count, store) if digest is not None]
    if len(hashes) < count or model_hash(document.layout, hashes) != result.model:
        raise ContractError(
            "MODEL_MISSING",
            f"{len(hashes)} of {count} chunks of the model {result.model} are stored",
            "Store the others with StoreModelChunk",
        )
    keep_model(context, document, round_, result.model, hashes)
    return _step(context, "RoundClosed", ended.model_copy(update={"model": result.model}))


@transaction
def abort_round(context: Context, task: TaskId, round_number: RoundNumber, reason: Reason) -> Answer:
    """End a round that cannot go on; the base model is kept."""
    round_ = _coordinated(context, task, round_number)
    round_.expect("open", "verifying", "aggregating")
    if not reason:
        raise ContractError("BAD_ARGUMENT", "an abort needs a reason")
    ended = {"state": "aborted", "model": round_.base, "reason": reason}
    return _step(context, "RoundAborted", round_.model_copy(update=ended))


@evaluate
def read_round(context: Context, task: TaskId, round_number: RoundNumber) -> Answer:
    """Read a round."""
    return get_round(context, task, round_number).plain()


@evaluate
def read_current_round(context: Context, task: TaskId) -> Answer:
    """Read the last round that was opened, null before the first."""
    latest = latest_round(context, task, get_task(context, task).rounds)
    return None if latest is None else latest.plain()


def _base(context: Context, task: Task, round_number: int) -> str:
    """Return the model a new round builds on, if this round is the next one."""
    if round_number > task.rounds:
        raise ContractError("ROUND_ORDER", f"the task {task.task} has {task.rounds} rounds")
    if context.find(Round, task.task, round_number) is not None:
        raise ContractError("ROUND_ORDER", f"round {round_number} of {task.task} was opened before")
    if round_number == 1:
        return task.initial_model
    previous = context.find(Round, task.task, round_number - 1)
    if previous is None or previous.state not in ENDED or previous.model is None:
        problem, remedy = (
            ("does not exist", "Open it first") if previous is None else (f"is {previous.state}", "End it first")
        )
        raise ContractError("ROUND_ORDER", f"round {round_number - 1} of {task.task} {problem}", remedy)
    return previous.model


def _complete(context: Context, manifest: Model) -> bool:
    return stored_chunks(context, manifest.model, len(manifest.chunks), manifest.store) == manifest.chunks


def _coordinated(context: Context, task: str, round_number: int) -> Round:
    """Read the round for a step of its coordinator."""
    check_coordinator(context, get_task(context, task))
    return get_round(context, task, round_number)


def _result(context: Context, task: Task, round_: Round) -> tuple[Aggregate | Conclusion, list[str]]:
    """Return what the round ends with, as concluded or as a majority attested it, and who attested another thing."""
    aggregates = find_aggregates(context, task, round_.round)
    concluded = find_conclusion(context, task.task, round_.round)
    if concluded is not None:
        return concluded, [a.verifier for a in aggregates if a.model != concluded.model]
    result = agreed(context, task, round_)
    return result, [a.verifier for a in aggregates if a.agreed_bytes != result.agreed_bytes]


def _outcome(context: Context, task: Task, round_number: int, hospital: str) -> Outcome:
    """Report what became of a candidate; where all have attested they differ, and nothing more comes."""
    verdict = find_verdict(context, task.task, round_number, hospital)
    if verdict is not None:
        return outcome_of(verdict.accepted, verdict.reason)
    attestations = [
        context.find(Attestation, task.task, round_number, hospital, attester) for attester in task.attesters(hospital)
    ]
    return "no_quorum" if all(attestations) else "missing"


def _weights(context: Context, task: Task, round_number: int, accepted: list[str]) -> dict[str, int] | None:
    """Return the accepted updates' weights, None where the rule does not weigh."""
    if not task.has_root:
        return None
    verdicts = [find_verdict(context, task.task, round_number, hospital) for hospital in accepted]
    return {verdict.hospital: verdict.weight or 0 for verdict in verdicts if verdict is not None}


def _refused_sum(context: Context, task: Task, round_: Round) -> str | None:
    """Return why the accepted updates are not added up: too few, or too like a set that was summed on this base."""
    if len(round_.accepted) < task.minimum_accepted:
        return "TOO_FEW"
    if task.encrypted is None or not any(round_.summands.values()):
        return None  # the verifiers have the updates, or there is no sum
    weights = round_.summands.values()
    if round_.weights is not None and not rules.spread(list(weights), rules.MEMBERS, task.minimum_accepted):
        return "TOO_FEW"
    beside = revealing(round_.summands, task.minimum_accepted, context.list(OpenedSum, round_.base))
    return None if beside is None else OVERLAP


def _because(code: str, reason: str) -> str:
    """Join what the contract found and what the coordinator says."""
    return f"{code}: {reason}" if reason else code


def _step(context: Context, event: str, following: Round) -> Answer:
    context.put(following)
    context.event(event, task=following.task, round=following.round)
    return following.plain()
