# SPDX-License-Identifier: Apache-2.0
"""ConcludeRound: a plain round's verdicts, new model and next round in one transaction, from what was prepared."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from fabric_protos.common import policies_pb2

from medquorum.core.model import catalogue
from medquorum.shim.keys import composite_range
from medquorum_testing.ledger.consortium_ledger import HOSPITALS, A, B, Consortium
from medquorum_testing.ledger.encrypted_consortium import EncryptedConsortium
from medquorum_testing.ledger.memory_stub import creator

H1, H2, H3 = HOSPITALS
C = "VerifierCMSP"
Make = Callable[..., Consortium]
Refused = Callable[..., str]


def updates(demo: Consortium) -> dict[str, bytes]:
    return {H1: demo.good_update(), H2: demo.good_update(1), H3: demo.good_update(2, shift=1)}


def opened(demo: Consortium, given: dict[str, bytes] | None = None, number: int = 1, **changes: Any) -> Consortium:
    """Open a round with these updates, of all hospitals where none are given."""
    if number == 1:
        demo.begin(**changes)
        demo.submit(A, "OpenRound", "demo", 1)
    for hospital, packed in (updates(demo) if given is None else given).items():
        demo.hand_in(hospital, packed, number)
    return demo


def prepare(demo: Consortium, number: int = 1) -> dict[str, Any]:
    answers = [demo.prepare(verifier, "PrepareConclusion", "demo", number) for verifier in demo.verifiers]
    assert all(answer == answers[0] for answer in answers)
    return answers[0]


def conclude(demo: Consortium, number: int = 1) -> dict[str, Any]:
    prepare(demo, number)
    document: dict[str, Any] = demo.submit(A, "ConcludeRound", "demo", number)
    return document


def test_an_open_round_ends_and_the_next_one_opens(make: Make) -> None:
    demo = opened(make())
    prepared = prepare(demo)
    ended = demo.submit(B, "ConcludeRound", "demo", 1)
    assert (ended["state"], ended["candidates"], ended["accepted"]) == ("closed", HOSPITALS, [H1, H2])
    assert ended["outcomes"] == {H1: "accepted", H2: "accepted", H3: "refused"}
    assert ended["model"] == prepared["model"] != ended["base"]
    assert demo.ledger.events[-1] == ("RoundConcluded", b'{"opened":2,"round":1,"task":"demo"}')
    following = demo.read(A, "ReadRound", "demo", 2)
    assert (following["state"], following["base"]) == ("open", ended["model"])
    assert demo.chunk(H1, ended["model"])
    status = demo.read(H1, "ReadRoundStatus", "demo", 1)
    assert status["conclusion"]["counts"] == prepared["counts"]
    assert {name: status["verdicts"][name]["accepted"] for name in HOSPITALS} == {H1: True, H2: True, H3: False}


@pytest.mark.parametrize("rule", [{"name": "strict"}, {"name": "prefix", "slack": 0}, {"name": "none"}])
@pytest.mark.parametrize("disclosure", ["count", "bit"])
def test_one_transaction_writes_what_the_single_ones_do(make: Make, rule: dict[str, Any], disclosure: str) -> None:
    settings = {"rule": rule, "disclosure": disclosure, "model_tolerance": 1000}
    slow, fast = (opened(make(), **settings) for _ in range(2))
    slow.submit(A, "CloseSubmissions", "demo", 1, "")
    if slow.read(A, "ReadTask", "demo")["rule"]["name"] == "prefix":
        for verifier in (A, B):
            slow.prepare(verifier, "PrepareRound", "demo", 1)
        slow.submit(A, "VerifyRound", "demo", 1)
    else:
        for hospital in HOSPITALS:
            slow.verify(hospital)
    slow.submit(A, "CloseVerdicts", "demo", 1, "")
    slow.attest()
    slow.store()
    one, other = slow.submit(A, "CloseRound", "demo", 1, ""), conclude(fast)
    assert one == other
    for kind in ("verdict", "model", "stored", "chunk", "keeper"):
        kept = [
            {key: value for key, value in demo.ledger.state.items() if f"\0{kind}\0" in key} for demo in (slow, fast)
        ]
        assert kept[0] == kept[1]
        assert kept[0]


def test_it_reads_no_private_data_and_waits_for_nobody(make: Make, refused: Refused) -> None:
    demo = opened(make())
    refused("NOT_READY", demo.submit, A, "ConcludeRound", "demo", 1)
    demo.prepare(A, "PrepareConclusion", "demo", 1)
    refused("NOT_READY", demo.submit, A, "ConcludeRound", "demo", 1)
    demo.prepare(B, "PrepareConclusion", "demo", 1)
    demo.restart(B)
    refused("NOT_READY", demo.submit, A, "ConcludeRound", "demo", 1)
    demo.prepare(B, "PrepareConclusion", "demo", 1)
    demo.submit(A, "ConcludeRound", "demo", 1)
    assert not any(s.private_reads for function, s in demo.ledger.simulations if function == "ConcludeRound")


def test_an_open_round_waits_for_its_hospitals(make: Make, refused: Refused) -> None:
    demo = make()
    some = {H1: demo.good_update(), H2: demo.good_update(1)}
    opened(demo, some)
    assert H3 in refused("SUBMISSIONS_PENDING", demo.read, A, "PrepareConclusion", "demo", 1)
    assert H3 in refused("SUBMISSIONS_PENDING", demo.submit, A, "ConcludeRound", "demo", 1)
    demo.submit(A, "CloseSubmissions", "demo", 1, "one is missing")
    ended = conclude(demo)
    assert (ended["state"], ended["candidates"]) == ("closed", [H1, H2])
    refused("ROUND_CLOSED", demo.hand_in, H3, demo.good_update(2))


def test_a_straggler_and_a_conclusion_exclude_each_other(make: Make) -> None:
    """Each reads the key that the other writes, or the range it writes in: Fabric drops the later one in a block."""
    demo = make()
    opened(demo, {H1: demo.good_update(), H2: demo.good_update(1)}, hospitals=[H1, H2])
    prepare(demo)
    conclusion = demo.ledger.simulate(A, creator(A), "ConcludeRound", "demo", "1")
    round_key = demo.ledger_key("round", "demo", "000001")
    update_key = demo.ledger_key("update", "demo", "000001", H2)
    late = next(s for function, s in reversed(demo.ledger.simulations) if function == "SubmitUpdate")
    assert round_key in conclusion.writes
    assert round_key in late.reads
    assert update_key in late.writes
    assert composite_range("update", ["demo", "000001"]) in conclusion.ranges
    # Two conclusions, or one and any other step: each has read the round that the other has written.
    assert round_key in conclusion.reads


def test_who_may_conclude_and_prepare(make: Make, refused: Refused) -> None:
    demo = opened(make())
    prepare(demo)
    for msp, unit in ((H1, "client"), (A, "peer"), ("StrangerMSP", "admin")):
        refused("ACCESS_DENIED", demo.submit, msp, "ConcludeRound", "demo", 1, unit=unit)
    refused("ACCESS_DENIED", demo.ledger.evaluate, B, creator(A), "PrepareConclusion", "demo", "1")
    demo.submit(B, "ConcludeRound", "demo", 1, unit="admin")
    refused("ROUND_STATE", demo.submit, A, "ConcludeRound", "demo", 1)
    refused("ROUND_STATE", demo.read, A, "PrepareConclusion", "demo", 1)


def test_verdicts_written_one_by_one_are_not_written_again(make: Make, refused: Refused) -> None:
    demo = opened(make())
    demo.submit(A, "CloseSubmissions", "demo", 1, "")
    prepare(demo)
    demo.verify(H2)
    refused("DECIDED", demo.submit, A, "ConcludeRound", "demo", 1)


def test_a_lone_dissenter_blocks_no_conclusion(make: Make) -> None:
    demo = opened(make(verifiers=[A, B, C]))
    demo.submit(A, "CloseSubmissions", "demo", 1, "")
    demo.submit(C, "AttestVerdict", "demo", 1, H1, {"accepted": False, "reason": "RULE"} | {"counts": {}})
    assert conclude(demo)["outcomes"][H1] == "accepted"


def test_too_few_and_worse_keep_the_base(make: Make) -> None:
    demo = opened(make(), minimum_accepted=3)
    ended = conclude(demo)
    assert (ended["state"], ended["model"], ended["reason"]) == ("closed", ended["base"], "TOO_FEW")
    assert demo.read(A, "ReadRound", "demo", 2)["base"] == ended["base"]
    assert demo.read(A, "ReadRoundStatus", "demo", 1)["conclusion"] is None
    worse = make()
    worse.init()
    name = worse.put_model(worse.good_update())
    worse.submit(A, "CreateTask", worse.task(initial_model=name, rule={"name": "none"}, hospitals=[H1]))
    worse.submit(A, "OpenRound", "demo", 1)
    worse.hand_in(H1, worse.good_update(1, shift=1))
    ended = conclude(worse)
    assert (ended["state"], ended["model"], ended["reason"]) == ("closed", name, "MODEL_WORSE")


def test_the_last_round_opens_none(make: Make) -> None:
    demo = opened(make(), rounds=1)
    conclude(demo)
    assert demo.ledger.events[-1] == ("RoundConcluded", b'{"round":1,"task":"demo"}')
    assert demo.read(A, "ReadCurrentRound", "demo")["round"] == 1


@pytest.mark.parametrize("keep", [False, True])
def test_the_updates_of_the_round_before_go(make: Make, keep: bool) -> None:
    demo = opened(make(), keep_updates=keep)
    conclude(demo)
    held = demo.ledger.organisations[A].private
    assert len(held) == 3
    opened(demo, number=2)
    assert len(held) == 6
    conclude(demo, 2)
    assert len(held) == (6 if keep else 3)


class TwoChunks(Consortium):
    """A task whose models have two chunks."""

    @staticmethod
    def document() -> dict[str, Any]:
        document = catalogue.mlp((1, 2, 2), 4, hidden=1024)
        middle = {"op": "dense", "name": "middle", "in": 1024, "out": 1024}
        document["layers"][-1:-1] = [middle, {"op": "relu"}]
        return document


def test_a_model_of_several_chunks_is_stored_after_its_conclusion(make: Make, refused: Refused) -> None:
    demo = make(TwoChunks)
    demo.begin(rule={"name": "none"}, model_tolerance=1000, hospitals=[H1])
    demo.submit(A, "OpenRound", "demo", 1)
    demo.hand_in(H1, demo.model(3))
    fixed = conclude(demo)
    assert (fixed["state"], fixed["model"]) == ("aggregating", None)
    assert demo.ledger.events[-1] == ("RoundConcluded", b'{"round":1,"task":"demo"}')
    refused("MODEL_MISSING", demo.submit, A, "CloseRound", "demo", 1, "")
    for verifier in (A, B):
        demo.prepare(verifier, "PrepareAggregate", "demo", 1)
    demo.store()
    ended = demo.submit(A, "CloseRound", "demo", 1, "")
    status = demo.read(A, "ReadRoundStatus", "demo", 1)
    assert ended["model"] == status["conclusion"]["model"]
    assert status["aggregates"] == {}
    assert demo.submit(A, "OpenRound", "demo", 2)["base"] == ended["model"]


@pytest.mark.parametrize(
    ("verifiers", "changes", "needed"),
    [(3, {"quorum": 3}, 3), (5, {}, 3), (3, {}, None), (4, {"verifiers": [A, B, C]}, 2)],
    ids=["stricter task", "majority above the quorum", "as the chaincode", "fewer verifiers"],
)
def test_as_many_endorse_as_would_attest(
    make: Make, verifiers: int, changes: dict[str, Any], needed: int | None
) -> None:
    """The key that states the model has its own policy where the chaincode's asks for fewer or for others."""
    demo = opened(make(verifiers=[A, B, C, "VerifierDMSP", "VerifierEMSP"][:verifiers]), **changes)
    demo.quorum = needed or 2
    conclude(demo)
    for number in ("000001", "000002"):
        key = demo.ledger_key("conclusion", "demo", number)
        if needed is None:
            assert key not in demo.ledger.policies
        else:
            policy = policies_pb2.SignaturePolicyEnvelope.FromString(demo.ledger.policies[key])
            assert policy.rule.n_out_of.n == needed
            assert len(policy.identities) == len(demo.read(A, "ReadTask", "demo")["verifiers"])


def test_a_quorum_raised_under_a_task_holds_from_its_next_round(make: Make) -> None:
    demo = opened(make(verifiers=[A, B, C]))
    members = demo.read(A, "ReadConsortium")["members"]
    for verifier in (A, B):
        demo.submit(verifier, "UpdateConsortium", {"quorum": 3, "members": members}, unit="admin")
    demo.quorum = 3
    conclude(demo)
    assert demo.ledger.policies == {}, "the chaincode's own policy asks for as many"


def test_encrypted_tasks_have_their_own_transactions(make: Make, refused: Refused) -> None:
    demo = make(EncryptedConsortium)
    demo.begin()
    demo.submit(A, "OpenRound", "demo", 1)
    refused("WRONG_MODE", demo.submit, A, "ConcludeRound", "demo", 1)
    refused("WRONG_MODE", demo.read, A, "PrepareConclusion", "demo", 1)


def test_history_of_a_conclusion(make: Make) -> None:
    demo = opened(make(verifiers=[A, B, C]), quorum=3)
    demo.quorum = 3
    conclude(demo)
    newest, oldest = demo.read(H1, "ReadHistory", "conclusion", json.dumps(["demo", 1]))
    assert oldest["document"] == "pending"
    assert newest["document"]["model"] == demo.read(A, "ReadRound", "demo", 1)["model"]
