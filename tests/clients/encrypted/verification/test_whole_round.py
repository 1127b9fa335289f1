# SPDX-License-Identifier: Apache-2.0
"""The rule over a whole round on shares: what both parties attest is what the plain rule finds, for digits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from medquorum.clients.encrypted.verification.result import (
    ImpossibleResult,
    attestation_result,
    base_statement,
    screened,
)
from medquorum.clients.encrypted.verification.spec import make_spec, make_sum_spec
from medquorum.clients.encrypted.verification.whole_round import verify_round
from medquorum.clients.ledger.round_status import RoundStatus
from medquorum.clients.training.initial import drawn_model
from medquorum.core import model as modelformat
from medquorum.core.documents.round import Round
from medquorum.core.documents.task import Task
from medquorum.core.documents.verdict import disclosed
from medquorum.core.fixedpoint import FRACTION_BITS
from medquorum.core.rules import Candidate, judge
from medquorum.verifier.comparison.tree import Tree
from medquorum.verifier.opening.transport import in_process
from medquorum.verifier.session.greeting import BaseCounts, Refusal
from medquorum.verifier.session.local import Inputs, verify
from medquorum.verifier.session.session import OpenedResult
from medquorum.verifier.session.spec import VerificationSpec
from medquorum_federation.options import Options
from medquorum_federation.simulation import Simulation
from medquorum_testing.ledger.consortium_ledger import A, B
from medquorum_testing.ledger.encrypted_consortium import settings

P0, P1 = settings()["parties"]
NAMES = [f"Hospital{number}MSP" for number in range(1, 5)]


class Trained(Simulation):
    """One round of a simulation: the base model and every hospital's update."""

    def __init__(self, seed: int) -> None:
        given = {"hospitals": 4, "adversaries": 1, "rule": "prefix", "dirichlet": 0.5, "verification": "encrypted"}
        super().__init__(Options.model_validate(given | {"seed": seed, "epochs": 3, "slack": 500}))
        self.base = drawn_model(self._description, seed)
        self.updates = {name: self._update(name, 1, self.base) for name in NAMES}
        self.images, self.labels = self._verification.images, self._verification.labels.astype(np.int64)
        self.task = Task(
            task="demo",
            model=self._description.model_dump(mode="json", by_alias=True),
            layout=modelformat.layout_hash(self._description),
            length=len(self.base),
            initial_model="0" * 64,
            lambda_numerator=1,
            lambda_bits=1,
            rule=self._options.rule_document,
            disclosure="count",
            dataset=self._verification.commitment(),
            dataset_size=len(self.labels),
            fraction_bits=FRACTION_BITS,
            coordinator=A,
            standby=None,
            verifiers=[A, B],
            hospitals=NAMES,
            quorum=2,
            minimum_accepted=3,
            model_tolerance=0,
            rounds=1,
            verification="encrypted",
            encrypted=settings(batch=512, grayscale=True),
            model_store="public",
            keep_updates=False,
            created_by=A,
        )
        commitments = {name: f"{number}" * 64 for number, name in enumerate(NAMES)}
        self.status = RoundStatus(
            Round(task="demo", round=1, state="verifying", base="0" * 64, candidates=NAMES, commitments=commitments)
        )

    def plain(self) -> dict[str, dict[str, Any]]:
        """What plain verification finds."""
        verdicts = judge(
            self._rule,
            self._count_correct(self.base),
            [Candidate(name, mixed=self._count_correct(packed, self.base)) for name, packed in self.updates.items()],
            minimum=3,
            aggregate_counts=lambda names: self._count_correct(
                self._mixed(self.base, [self.updates[name] for name in names])
            ),
        )
        return {verdict.name: disclosed(self.task, verdict) for verdict in verdicts}

    def evaluate(
        self, transport: object, status: RoundStatus, hospital: str, timeout: float
    ) -> tuple[OpenedResult, VerificationSpec]:
        spec = make_spec(self.task, status, hospital)
        return self._opened(spec, [hospital]), spec

    def evaluate_sum(
        self, transport: object, status: RoundStatus, hospitals: Sequence[str]
    ) -> tuple[OpenedResult, VerificationSpec]:
        spec = make_sum_spec(self.task, status, hospitals)
        return self._opened(spec, hospitals), spec

    def _opened(self, spec: VerificationSpec, hospitals: Sequence[str]) -> OpenedResult:
        """Evaluate on the sums of the hospitals' shares, all roles in this process."""
        base = {k: v.astype(np.int64) for k, v in modelformat.unpack(self._description, self.base).items()}
        flat = [np.frombuffer(self.updates[name], dtype="<i4").astype(np.int64) for name in hospitals]
        second = [
            np.random.default_rng(number).integers(-(1 << 63), 1 << 63, one.shape) for number, one in enumerate(flat)
        ]
        shares = sum(one - other for one, other in zip(flat, second, strict=True)), sum(second)
        inputs = Inputs(base, shares, self.images, self.labels, 512)
        first, other = verify(spec.plan, inputs, Tree)
        assert first.counts is not None and other.counts is not None
        assert first.counts.tolist() == other.counts.tolist()
        counts = tuple(int(count) for count in first.counts)
        return OpenedResult(None, first.accepted, counts, base_statement(self._count_correct(self.base)), "0" * 64)


@pytest.mark.parametrize(
    ("word", "result"),
    [
        ({"refusal": Refusal("DISPUTED", (1,)), "counts": ()}, {"reason": "DISPUTED", "claimants": [P1]}),
        ({"refusal": Refusal("DATASET", (0,)), "counts": ()}, {"reason": "DATASET", "claimants": [P0]}),
        ({"refusal": Refusal("NO_MATERIAL", (0, 1)), "counts": ()}, {"reason": "NO_MATERIAL", "claimants": [A, B]}),
        ({"holds": False, "counts": ()}, {"reason": "IMPOSSIBLE"}),
        ({"counts": (16_777_219,)}, {"reason": "IMPOSSIBLE"}),
    ],
)
def test_a_sum_without_possible_counts_leaves_every_candidate_unjudged(
    word: dict[str, Any], result: dict[str, Any]
) -> None:
    found = Trained(0)
    sum_of = found.evaluate_sum

    def without(
        transport: object, status: RoundStatus, hospitals: Sequence[str]
    ) -> tuple[OpenedResult, VerificationSpec]:
        opened, spec = sum_of(transport, status, hospitals)
        return replace(opened, **word), spec

    found.evaluate_sum = without
    whole = verify_round(found, found.task, in_process()[0], found.status, NAMES, lambda: 0.0)
    for name in NAMES:
        told = whole["results"][name]
        assert (told["accepted"], told["reason"], told.get("claimants")) == (
            False,
            result["reason"],
            result.get("claimants"),
        )


def test_impossible_counts_of_one_candidate_leave_it_unjudged() -> None:
    found = Trained(0)
    evaluate = found.evaluate

    def bent(
        transport: object, status: RoundStatus, hospital: str, timeout: float
    ) -> tuple[OpenedResult, VerificationSpec]:
        opened, spec = evaluate(transport, status, hospital, timeout)
        return (replace(opened, counts=(-1,)) if hospital == NAMES[0] else opened), spec

    found.evaluate = bent
    whole = verify_round(found, found.task, in_process()[0], found.status, NAMES, lambda: 0.0)
    assert {name for name, told in whole["results"].items() if told["reason"] == "IMPOSSIBLE"} == {NAMES[0]}


@pytest.mark.parametrize("word", [{"counts": (-1,)}, {"counts": (16_777_219,)}, {"counts": ()}, {"statement": None}])
def test_impossible_counts_are_recorded_and_not_tried_again(word: dict[str, Any]) -> None:
    """A retry would be one more question about the update."""
    found = Trained(0)
    opened, spec = found.evaluate(None, found.status, NAMES[0], 0.0)
    told = attestation_result(found.task, NAMES[0], replace(opened, **word), spec)
    assert told == {"accepted": False, "reason": "IMPOSSIBLE"}


@pytest.mark.parametrize("classes", [9, 11])
def test_a_base_model_of_other_classes_is_not_believed(classes: int) -> None:
    found = Trained(0)
    opened, spec = found.evaluate(None, found.status, NAMES[0], 0.0)
    totals = [spec.images - classes + 1, *[1] * (classes - 1)]
    stated = BaseCounts(correct=0, per_class_correct=(0,) * classes, per_class_total=tuple(totals))
    with pytest.raises(ImpossibleResult, match="nothing possible of the base model"):
        screened(found.task, NAMES[0], replace(opened, statement=stated), spec)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_verdicts_and_counts_are_those_of_the_plain_rule(seed: int) -> None:
    found = Trained(seed)
    hospitals = [*NAMES[2:], *NAMES[:2]]
    whole = verify_round(found, found.task, in_process()[0], found.status, hospitals, lambda: 0.0)
    assert found.status.round is not None
    assert {name: result.pop("update") for name, result in whole["results"].items()} == found.status.round.commitments
    assert whole["results"] == found.plain()
    assert whole["dataset"] == found.task.dataset
    assert any(result["accepted"] for result in whole["results"].values())
