# SPDX-License-Identifier: Apache-2.0
"""Judges a round by the rule ``direction``: behind PrepareRound and PrepareAggregate of its tasks."""

from __future__ import annotations

from collections.abc import Callable, Generator, Hashable, Mapping

from medquorum.chaincode.evaluation_jobs.evaluator import RoundEvaluator, verdict_key
from medquorum.chaincode.jobs import DataRequest, Steps
from medquorum.core import model as modelformat
from medquorum.core import rules
from medquorum.core.combination import Combination
from medquorum.core.documents.root import Root, Standing
from medquorum.core.documents.round import Round
from medquorum.core.documents.task import Task
from medquorum.core.inference import compile_model, compile_scaled
from medquorum.errors import MedquorumError

__all__ = ["combination", "direction_key", "judge_directions"]


def direction_key(task: Task, round_: Round, root: Root, standing: Standing) -> Hashable:
    """Name a judgement by everything it depends on."""
    return ("direction", verdict_key(task, round_, round_.candidates), root.commitment, standing)


def judge_directions(
    evaluator: RoundEvaluator, rule: rules.Direction, standing: Standing
) -> tuple[Steps[tuple[rules.Verdict, ...]], int]:
    """Make the computation of all verdicts, and its number of steps: those that read."""
    return _judge(evaluator, rule, standing), 2 * len(evaluator.round.candidates) + 2


def _judge(evaluator: RoundEvaluator, rule: rules.Direction, standing: Standing) -> Steps[tuple[rules.Verdict, ...]]:
    base = yield from evaluator.base()
    root = yield from _root(evaluator, base)
    if root is None or standing != "stands":
        return tuple(rules.Verdict(name, False, rules.Reason.ROOT) for name in evaluator.round.candidates)
    candidates = []
    for name in evaluator.round.candidates:
        tensors, problem, digest = rules.screen(evaluator.description, (yield from evaluator.update(name)))
        evaluator.node.digests.put(evaluator.round.commitments[name], digest)
        candidate = rules.direction_candidate(rule, root, name, tensors, problem)
        candidates.append((yield from evaluator.unique(candidate)))
    known: dict[rules.Weights, int] = {(): evaluator.margin_loss(rule, compile_model(evaluator.description, base))}
    while True:
        try:
            return tuple(
                rules.judge_direction(
                    rule,
                    candidates,
                    full=rules.full_weight(evaluator.task.lambda_numerator, evaluator.task.lambda_bits),
                    judge=rules.LossJudge(_known(known)),
                    minimum=evaluator.task.minimum_accepted,
                )
            )
        except _Unknown as unknown:
            model = yield from combination(evaluator, base, dict(unknown.weights))
            program = compile_scaled(evaluator.description, model.scaled, rules.WEIGHT_BITS)
            known[unknown.weights] = evaluator.margin_loss(rule, program)


def combination(
    evaluator: RoundEvaluator, base: modelformat.Tensors, weights: Mapping[str, int]
) -> Generator[DataRequest, bytes, Combination]:
    """Return the model of weighted updates."""
    result = Combination(evaluator.description, base, weights)
    for name in result.names:
        result.add(name, modelformat.unpack(evaluator.description, (yield from evaluator.update(name))))
    return result


def _root(
    evaluator: RoundEvaluator, base: modelformat.Tensors
) -> Generator[DataRequest, bytes, rules.RootUpdate | None]:
    """Return the root update; None where it is out of range or points nowhere."""
    packed = yield DataRequest("root", evaluator.round.base)
    tensors, problem, _ = rules.screen(evaluator.description, packed)
    if tensors is None or problem is not None:
        return None
    root = rules.RootUpdate(evaluator.description, base, tensors)
    return root if root.usable else None


class _Unknown(MedquorumError):
    """The rule asks for a candidate that is not evaluated yet."""

    def __init__(self, weights: rules.Weights) -> None:
        super().__init__(f"the model of {len(weights)} weighted updates is not evaluated")
        self.weights = weights


def _known(known: Mapping[rules.Weights, int]) -> Callable[[rules.Weights], int]:
    def look_up(weights: rules.Weights) -> int:
        if weights not in known:
            raise _Unknown(weights)
        return known[weights]

    return look_up
