# SPDX-License-Identifier: Apache-2.0
"""Evaluates a round's updates and applies the task's rule: behind PrepareUpdates, PrepareVerdict and PrepareRound."""

from __future__ import annotations

from collections.abc import Callable, Generator, Hashable, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache

from medquorum.chaincode.context import Context, sha256
from medquorum.chaincode.evaluation_jobs.loader import data_loader
from medquorum.chaincode.jobs import DataRequest, Steps
from medquorum.chaincode.node import Node
from medquorum.chaincode.verification_sets import MountedSet
from medquorum.core import model as modelformat
from medquorum.core import rules
from medquorum.core.aggregate import add, next_model
from medquorum.core.documents.round import Round
from medquorum.core.documents.task import Task
from medquorum.core.fixedpoint import IntArray
from medquorum.core.inference import AccuracyCounts, Program, compile_model, count_correct
from medquorum.errors import ContractError, MedquorumError

__all__ = [
    "RoundEvaluator",
    "RunningSum",
    "advance_candidates",
    "begin_candidate",
    "evaluate_all",
    "evaluate_update",
    "round_evaluator",
    "round_key",
    "verdict_key",
]


def verdict_key(task: Task, round_: Round, candidates: Sequence[str]) -> Hashable:
    """Name a judgement by everything it depends on: task (rule, λ, data set), base and the updates' commitments."""
    return sha256(task.encode()), round_.base, tuple((name, round_.commitments[name]) for name in candidates)


def round_key(task: Task, round_: Round) -> Hashable:
    """Name the judgement of all candidates together; not as the verdict on the last one, which is another job."""
    return "round", verdict_key(task, round_, round_.candidates)


class RoundEvaluator:
    """One round's evaluation tools on one node: base model, description, verification set."""

    def __init__(self, node: Node, task: Task, round_: Round, verification: MountedSet) -> None:
        self.node = node
        self.task = task
        self.round = round_
        self._task_hash, self.description, self.rule = _terms(task.encode())
        self._verification = verification

    def candidate_key(self, hospital: str) -> Hashable:
        """Name one update's evaluation by everything it depends on: task, base and commitment, no other update."""
        return "update", self._task_hash, self.round.base, self.round.commitments[hospital]

    def base(self) -> Generator[DataRequest, bytes, modelformat.Tensors]:
        """Return the base model's tensors; a base that is out of range stops the round (``RangeError``)."""
        packed = self.node.bases.get(self.round.base)
        if packed is None:
            packed = yield DataRequest("model", self.round.base)
            modelformat.check_range(self.description, modelformat.unpack(self.description, packed))
            self.node.bases.put(self.round.base, packed)
        return modelformat.unpack(self.description, packed)

    def base_counts(self, base: modelformat.Tensors) -> AccuracyCounts:
        """Evaluate the base model, once for all updates of the round."""
        return self.model_counts(self.round.base, base)

    def model_counts(self, model: str, tensors: modelformat.Tensors) -> AccuracyCounts:
        """Evaluate the model of this hash, once: a round's new model is the base of the next one."""
        key = (self._task_hash, model)
        with self.node.base_lock:
            counts = self.node.base_counts.get(key)
            if counts is None:
                counts = self.count_correct(tensors)
                self.node.base_counts.put(key, counts)
        return counts

    def count_correct(self, base: modelformat.Tensors, update: modelformat.Tensors | None = None) -> AccuracyCounts:
        """Evaluate a model, or the mixture of base and update."""
        program = compile_model(
            self.description,
            base,
            update,
            lambda_numerator=self.task.lambda_numerator,
            lambda_bits=self.task.lambda_bits,
        )
        return count_correct(program, self._verification.images, self._verification.labels)

    def margin_loss(self, rule: rules.Direction, program: Program) -> int:
        """Return how far a model is from telling the verification set's classes apart."""
        return rules.margin_loss(rule, program, self._verification.images, self._verification.labels)

    def next_model(self, base: modelformat.Tensors, sums: Mapping[str, IntArray], count: int) -> modelformat.Tensors:
        """Average ``count`` updates, given their sum, with the base."""
        return next_model(
            self.description,
            base,
            sums,
            count,
            lambda_numerator=self.task.lambda_numerator,
            lambda_bits=self.task.lambda_bits,
        )

    def update(self, hospital: str) -> Generator[DataRequest, bytes, bytes]:
        """Return an update's parameters without salt, as they came with the submission or were read once."""
        commitment = self.round.commitments[hospital]
        packed = self.node.updates.get((self.round.task, self.round.round), hospital, commitment)
        if packed is None:
            packed = yield DataRequest("update", hospital)
            self.node.updates.put((self.round.task, self.round.round), hospital, commitment, packed)
        return packed

    def digest(self, hospital: str) -> Generator[DataRequest, bytes, str]:
        """Return the SHA-256 of an update's parameters without salt."""
        commitment = self.round.commitments[hospital]
        digest = self.node.digests.get(commitment)
        if digest is None:
            digest = sha256((yield from self.update(hospital)))
            self.node.digests.put(commitment, digest)
        return digest

    def candidate(self, base: modelformat.Tensors, hospital: str) -> Generator[DataRequest, bytes, rules.Candidate]:
        """Screen and evaluate one update, once; what is wrong with it is the candidate's problem, never an error."""
        key = self.candidate_key(hospital)
        candidate = self.node.candidates.get(key)
        if candidate is None:
            candidate = self._evaluated(base, hospital, (yield from self.update(hospital)))
            self.node.candidates.put(key, candidate)
        return candidate

    def _evaluated(self, base: modelformat.Tensors, hospital: str, packed: bytes) -> rules.Candidate:
        tensors, problem, digest = rules.screen(self.description, packed)
        self.node.digests.put(self.round.commitments[hospital], digest)
        if problem is not None or tensors is None:
            return rules.Candidate(hospital, problem)
        return rules.Candidate(
            hospital,
            distance=rules.squared_distance(self.description, base, tensors) if self.rule.norm else None,
            mixed=self.count_correct(base, tensors) if "mixed" in self.rule.subjects else None,
            own=self.count_correct(tensors) if "own" in self.rule.subjects else None,
        )

    def unique(self, candidate: rules.Candidate) -> Generator[DataRequest, bytes, rules.Candidate]:
        """Refuse a candidate whose parameters are those of one before it in the sorted list.

        This comes after the evaluation, when the digests of the others are mostly known: nobody reads them again.
        """
        digest = yield from self.digest(candidate.name)
        for name in self.round.candidates:
            if name < candidate.name and (yield from self.digest(name)) == digest and candidate.problem is None:
                return rules.Candidate(candidate.name, rules.Reason.DUPLICATE)
        return candidate


def round_evaluator(context: Context, task: Task, round_: Round) -> RoundEvaluator:
    """Make a round's evaluation tools on the node of a transaction."""
    return RoundEvaluator(context.node, task, round_, context.node.sets.get(task.dataset, task.dataset_size))


def advance_candidates(context: Context, task: Task, round_: Round) -> list[str]:
    """Have a round's updates evaluated beside each other; return whose evaluation is there.

    An update is evaluated, and the base, before it is known what it competes with.
    """
    evaluator = round_evaluator(context, task, round_)
    keys = {hospital: evaluator.candidate_key(hospital) for hospital in round_.commitments}
    starts = {key: _starting(evaluator, hospital) for hospital, key in keys.items()}
    load = data_loader(context, task, round_)
    found = context.node.job_runner.advance_all(context.node.candidates, starts, load)
    return [hospital for hospital, key in keys.items() if key in found]


def begin_candidate(context: Context, task: Task, round_: Round, hospital: str) -> None:
    """Have an update evaluated that came with its submission, the first one of its hospital in a round.

    A transaction that writes may call it: nothing is read, and neither its answer nor a refusal depends on it.
    """
    node, commitment = context.node, round_.commitments[hospital]
    if task.has_root or node.begun.get((task.task, round_.round, hospital)) is not None:
        return
    node.begun.put((task.task, round_.round, hospital), commitment)
    with suppress(ContractError):  # this organisation has not mounted the verification set
        evaluator = round_evaluator(context, task, round_)
        node.job_runner.begin(node.candidates, evaluator.candidate_key(hospital), _starting(evaluator, hospital))


def _starting(evaluator: RoundEvaluator, hospital: str) -> Callable[[], tuple[Steps[rules.Candidate], int]]:
    return lambda: (_evaluate_candidate(evaluator, hospital), 2)


def _evaluate_candidate(evaluator: RoundEvaluator, hospital: str) -> Steps[rules.Candidate]:
    base = yield from evaluator.base()
    evaluator.base_counts(base)
    return (yield from evaluator.candidate(base, hospital))


def evaluate_update(evaluator: RoundEvaluator, hospital: str) -> tuple[Steps[tuple[rules.Verdict, ...]], int]:
    """Make the computation of one update's verdict under a rule over single updates, and its number of steps."""
    return _evaluate_update(evaluator, hospital), 2


def _evaluate_update(evaluator: RoundEvaluator, hospital: str) -> Steps[tuple[rules.Verdict, ...]]:
    base = yield from evaluator.base()
    candidate = yield from evaluator.candidate(base, hospital)
    candidate = yield from evaluator.unique(candidate)
    return tuple(rules.judge(rules.counting_rule(evaluator.task.rule), evaluator.base_counts(base), [candidate]))


def evaluate_all(evaluator: RoundEvaluator) -> tuple[Steps[tuple[rules.Verdict, ...]], int]:
    """Make the computation of the verdicts on all candidates, whatever the rule is over, and its number of steps."""
    steps = _evaluate_round if evaluator.rule.over_round else _evaluate_each
    return steps(evaluator), 2 * len(evaluator.round.candidates) + 1


def _evaluate_each(evaluator: RoundEvaluator) -> Steps[tuple[rules.Verdict, ...]]:
    base = yield from evaluator.base()
    verdicts: list[rules.Verdict] = []
    for name in evaluator.round.candidates:
        candidate = yield from evaluator.candidate(base, name)
        candidate = yield from evaluator.unique(candidate)
        verdicts += rules.judge(rules.counting_rule(evaluator.task.rule), evaluator.base_counts(base), [candidate])
    return tuple(verdicts)


def _evaluate_round(evaluator: RoundEvaluator) -> Steps[tuple[rules.Verdict, ...]]:
    """Evaluate every update, then every aggregate the rule asks for; one update is in memory at a time."""
    base = yield from evaluator.base()
    candidates = []
    for name in evaluator.round.candidates:
        candidate = yield from evaluator.candidate(base, name)
        candidates.append((yield from evaluator.unique(candidate)))
    known: dict[tuple[str, ...], AccuracyCounts] = {}
    total = RunningSum(evaluator)
    while True:
        try:
            verdicts = rules.judge(
                rules.counting_rule(evaluator.task.rule),
                evaluator.base_counts(base),
                candidates,
                aggregate_counts=_known(known),
                minimum=evaluator.task.minimum_accepted,
            )
            return tuple(verdicts)
        except _Unknown as unknown:
            sums = yield from total.over(unknown.names)
            known[unknown.names] = evaluator.count_correct(evaluator.next_model(base, sums, len(unknown.names)))


@lru_cache(maxsize=8)
def _terms(task: bytes) -> tuple[str, modelformat.ModelDescription, rules.Rule]:
    """Return a task's hash, model and rule: the same for every update."""
    document = Task.decode(task)
    return sha256(task), modelformat.parse(document.model), rules.parse_rule(document.rule)


class RunningSum:
    """The sum of some updates, extended by one update at a time."""

    def __init__(self, evaluator: RoundEvaluator) -> None:
        self._evaluator = evaluator
        self._names: tuple[str, ...] = ()
        self._sums: dict[str, IntArray] = {}

    def over(self, names: tuple[str, ...]) -> Generator[DataRequest, bytes, dict[str, IntArray]]:
        """Return the sum over the names; those added before are not read again when the names go on from them."""
        if names[: len(self._names)] != self._names:
            self._names, self._sums = (), {}
        for name in names[len(self._names) :]:
            packed = yield from self._evaluator.update(name)
            add(self._evaluator.description, self._sums, modelformat.unpack(self._evaluator.description, packed))
        self._names = names
        return self._sums


class _Unknown(MedquorumError):
    """The rule asks for an aggregate that is not evaluated yet."""

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__(f"the aggregate of {len(names)} updates is not evaluated")
        self.names = names


def _known(known: Mapping[tuple[str, ...], AccuracyCounts]) -> rules.AggregateCounts:
    def look_up(names: tuple[str, ...]) -> AccuracyCounts:
        if names not in known:
            raise _Unknown(names)
        return known[names]

    return look_up
