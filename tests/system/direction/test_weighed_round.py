# SPDX-License-Identifier: Apache-2.0
"""Rounds of the rule ``direction`` on hidden updates: what the ledger ends with is what plain verification finds."""

from __future__ import annotations

from typing import Any

from medquorum.clients.ledger.growth import expected_growth, expected_transactions
from medquorum.clients.ledger.models import fetch_model
from medquorum.clients.runtime.updates import UpdateStore
from medquorum.core import model as modelformat
from medquorum.core import rules
from medquorum.core.combination import Combination
from medquorum.core.dataset import VerificationSet
from medquorum.core.documents.round import Round
from medquorum.core.inference import compile_model, compile_scaled, count_correct
from medquorum.core.rules.direction.weights import WEIGHT_BITS
from medquorum_benchmarks.rounds.blocks import round_costs
from medquorum_testing.federation.federation import Federation

FLIPPER = "Hospital4MSP"


class Plain:
    """What plain verification computes of a round, from the bytes on its authors' own disks."""

    def __init__(self, fed: Federation, number: int, base: bytes) -> None:
        self.task = fed.task
        self.description = modelformat.parse(self.task.model)
        self.base = modelformat.unpack(self.description, base)
        stored = {fed.msp(hospital): UpdateStore(fed.task_folder(hospital) / "updates") for hospital in fed.hospitals}
        self.updates = {name: self._unpacked(store, number) for name, store in stored.items()}
        self.root = self._unpacked(UpdateStore(fed.task_folder(fed.verifiers[0]) / "roots"), number)
        self.set = VerificationSet.read(fed.mounted(fed.verifiers[0]))

    def _unpacked(self, store: UpdateStore, number: int) -> modelformat.Tensors:
        update = store.load(number)
        assert update is not None
        return modelformat.unpack(self.description, update.packed)

    def verdicts(self) -> list[rules.Verdict]:
        rule = rules.parse_rule(self.task.rule)
        assert isinstance(rule, rules.Direction)
        root = rules.RootUpdate(self.description, self.base, self.root)
        assert root.usable
        candidates = [
            rules.direction_candidate(rule, root, name, update, None) for name, update in self.updates.items()
        ]

        def loss(weights: rules.Weights) -> int:
            program = (
                compile_scaled(self.description, self.combination(dict(weights)).scaled, WEIGHT_BITS)
                if weights
                else compile_model(self.description, self.base)
            )
            return rules.margin_loss(rule, program, self.set.images, self.set.labels)

        full = rules.full_weight(self.task.lambda_numerator, self.task.lambda_bits)
        return rules.judge_direction(
            rule, candidates, full=full, judge=rules.LossJudge(loss), minimum=self.task.minimum_accepted
        )

    def combination(self, weights: dict[str, int]) -> Combination:
        result = Combination(self.description, self.base, weights)
        for name in result.names:
            result.add(name, self.updates[name])
        return result

    def correct(self, model: modelformat.Tensors) -> int:
        return count_correct(compile_model(self.description, model), self.set.images, self.set.labels).correct

    def hash(self, model: modelformat.Tensors) -> str:
        return modelformat.model_hash(
            self.task.layout, modelformat.chunk_hashes(modelformat.pack(self.description, model))
        )


def compare(fed: Federation, closed: Round) -> dict[str, Any]:
    """Hold a closed round against plain verification; return what was found of each update."""
    number = closed.round
    plain, status = Plain(fed, number, fetch_model(fed.ledger(), fed.task, closed.base)), fed.status(number)
    found: dict[str, Any] = {name: (v.accepted, v.reason, v.weight) for name, v in status.verdicts.items()}
    wanted = {v.name: (v.accepted, None if v.reason is None else v.reason.value, v.weight) for v in plain.verdicts()}
    assert found == wanted
    weights = {name: weight for name, (accepted, _, weight) in found.items() if accepted}
    assert closed.weights == weights and sum(weights.values()) > 0
    model = plain.combination(weights).rounded()
    assert closed.model == plain.hash(model)
    (counts,) = [a.accuracy.counts for a in status.aggregates.values() if a.accuracy is not None]
    assert counts is not None
    assert (counts.base, counts.model) == (plain.correct(plain.base), plain.correct(model))
    assert status.masks is not None and status.masks.weights == weights
    return found


def test_a_flipped_update_is_refused_and_everything_else_is_as_in_plain(fed: Federation) -> None:
    fed.roles["Hospital4"].kill()
    fed.start("Hospital4", "--attack", "sign-flip", "--strength", "0.1", kind="adversary")
    number = fed.opened()
    found = compare(fed, fed.finished())
    kinds = {spec.kind for spec in modelformat.layout(modelformat.parse(fed.task.model))}
    assert modelformat.Kind.MEAN in kinds
    assert found[FLIPPER] == (False, "DIRECTION", None)
    for party in fed.verifiers:
        record = fed.task_folder(party) / "opened" / f"{number:06d}.json"
        assert f'"{FLIPPER}"' not in record.read_text()


def test_a_round_costs_what_is_told_beforehand(fed: Federation) -> None:
    """The transactions exactly; their bytes within a factor: keys, certificates and results are of any length."""
    fed.settle()
    number = fed.opened()
    fed.finished()
    last = fed.opened()
    fed.finished()
    for cost in round_costs(fed.running.profile("VerifierA"), fed.name, last):
        if cost.round >= number:
            assert 1 + cost.transactions == expected_transactions(fed.task), "with the one that opens it"
            assert 0.6 < cost.bytes / expected_growth(fed.task).orderer < 1.6


def test_parties_and_dealer_killed_between_steps_end_with_the_same(fed: Federation) -> None:
    number = fed.opened()
    fed.reach("verifying")
    for role in (*fed.verifiers, *fed.dealers):
        fed.roles[fed.verifiers[1]].wait_for("phase", phase="verification", round=number)
        fed.roles[role].kill()
        fed.start(role)
    compare(fed, fed.finished())
