# SPDX-License-Identifier: Apache-2.0
"""P0 without the committed images: both parties attest DATASET, nothing is evaluated, the round keeps its model."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from medquorum.clients.encrypted.verification.images import mounted
from medquorum.clients.encrypted.verification.whole_round import verify_round
from medquorum.verifier.opening.transport import in_process
from medquorum_testing.encrypted.spoiled_sets import WAYS, spoil
from medquorum_testing.ledger.aggregation_rig import PARTIES, Make, Rig
from medquorum_testing.ledger.consortium_ledger import HOSPITALS, A


def expect_kept(rig: Rig) -> None:
    """Every verdict names the data set, no attempt was begun, and the round keeps w_t."""
    status = rig.status
    told = [(one.accepted, one.reason, one.claimants, one.counts, one.quality) for one in status.verdicts.values()]
    assert told == [(False, "DATASET", [PARTIES[0]], None, None)] * len(HOSPITALS)
    scores = rig.demo.read(A, "ReadScores", "demo")
    assert [(one["refused"], one["unjudged"], one["claimants"]) for one in scores.values()] == [
        (0, 1, {PARTIES[0]: 1})
    ] * len(HOSPITALS)
    assert not list(rig.folder.glob("**/*.journal"))
    closed = status.round
    assert closed is not None
    assert (closed.state, closed.accepted, closed.reason, closed.model) == ("closed", [], "TOO_FEW", closed.base)


@pytest.mark.parametrize("how", WAYS)
def test_a_file_that_is_not_the_committed_set_is_told_with_a_remedy(make: Make, how: str) -> None:
    rig = make()
    path = rig.folder / "sets" / "set.safetensors"
    images, problem = mounted(path, rig.task)
    assert images is not None and problem is None
    spoil(path, how)
    images, problem = mounted(path, rig.task)
    assert images is None and problem is not None
    assert str(path) in problem.cause and problem.remedy


@pytest.mark.parametrize("disclosure", ["count", "bit"])
def test_every_update_is_refused_for_the_data_set(make: Make, disclosure: str) -> None:
    rig = make(disclosure=disclosure, mount="nothing.safetensors")
    rig.verify()
    expect_kept(rig)


def test_a_rule_over_the_round_opens_nothing_either(make: Make) -> None:
    rig = make(rule={"name": "prefix", "slack": 0}, mount="nothing.safetensors")
    rig.demo.submit(A, "CloseSubmissions", "demo", 1, "")

    def party(index: int, line: Any) -> dict[str, Any]:
        return verify_round(rig.verifications[index], rig.task, line, rig.status, HOSPITALS, lambda: 0.0)

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(party, (0, 1), in_process())
    assert first == second
    for msp, round_result in zip(PARTIES, (first, second), strict=True):
        rig.demo.submit(msp, "AttestRound", "demo", 1, round_result)
    rig.demo.submit(A, "CloseVerdicts", "demo", 1, "")
    expect_kept(rig)
