# SPDX-License-Identifier: Apache-2.0
"""The new model: computed by each verifier, attested, stored in chunks, final at a majority."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest

from medquorum.chaincode.evaluation_jobs.evaluator import verdict_key
from medquorum.chaincode.jobs import DataRequest, LruCache, Steps
from medquorum.core import canonical
from medquorum.core.documents.round import Round
from medquorum.core.documents.task import Task
from medquorum_testing.ledger.consortium_ledger import HOSPITALS, A, B, Consortium
from medquorum_testing.ledger.memory_stub import creator

H1, H2, H3 = HOSPITALS
C = "VerifierCMSP"
Make = Callable[..., Consortium]
Refused = Callable[..., str]


def aggregating(demo: Consortium, updates: dict[str, bytes] | None = None, **changes: Any) -> Consortium:
    demo.begin(**changes)
    updates = {H1: demo.good_update(), H2: demo.good_update(1)} if updates is None else updates
    demo.submit(A, "OpenRound", "demo", 1)
    for hospital, packed in updates.items():
        demo.hand_in(hospital, packed)
    demo.submit(A, "CloseSubmissions", "demo", 1, "")
    for hospital in updates:
        demo.verify(hospital)
    assert demo.submit(A, "CloseVerdicts", "demo", 1, "")["state"] == "aggregating"
    return demo


def test_attested_and_stored(make: Make, refused: Refused) -> None:
    demo = aggregating(make())
    refused("NOT_READY", demo.submit, A, "StoreModelChunk", "demo", 1, 0)
    answer = demo.prepare(A, "PrepareAggregate", "demo", 1)
    assert (answer["worse"], answer["chunks"], answer["stored"]) == (False, 1, [])
    assert answer["counts"]["model"] > answer["counts"]["base"]
    result = demo.attestation_result(A)
    assert demo.submit(A, "AttestAggregate", "demo", 1, result)["verifier"] == A
    refused("ALREADY_ATTESTED", demo.submit, A, "AttestAggregate", "demo", 1, result)
    refused("NO_MAJORITY", demo.submit, A, "CloseRound", "demo", 1, "")
    demo.submit(B, "AttestAggregate", "demo", 1, demo.attestation_result(B))
    refused("MODEL_MISSING", demo.submit, A, "CloseRound", "demo", 1, "")
    assert demo.read(H1, "ReadRoundStatus", "demo", 1)["stored_chunks"] == []
    demo.submit(B, "StoreModelChunk", "demo", 1, 0)
    assert demo.read(H1, "ReadRoundStatus", "demo", 1)["stored_chunks"] == [0]
    assert demo.prepare(A, "PrepareAggregate", "demo", 1)["stored"] == [0]
    ended = demo.submit(B, "CloseRound", "demo", 1, "")
    assert (ended["state"], ended["model"], ended["reason"]) == ("closed", result["model"], None)
    refused("ROUND_STATE", demo.read, A, "PrepareAggregate", "demo", 1)


def test_a_verdict_still_under_way_is_not_taken_for_the_new_model(make: Make) -> None:
    """A slow verifier may still judge the very updates whose mean is asked for."""
    demo = aggregating(make())
    task = Task.decode(canonical.encode(demo.read(A, "ReadTask", "demo")))
    current = Round.decode(canonical.encode(demo.read(A, "ReadRound", "demo", 1)))

    def judged() -> Steps[tuple[str, ...]]:
        yield DataRequest("update", H2)
        return ("a verdict",)

    def nothing(request: DataRequest) -> bytes:
        raise LookupError(request.name)

    key = verdict_key(task, current, current.accepted)
    with pytest.raises(LookupError):
        demo.nodes[A].job_runner.advance(LruCache(1), key, lambda: (judged(), 2), nothing)
    assert demo.prepare(A, "PrepareAggregate", "demo", 1)["state"] == "ready"


def test_private_store(make: Make) -> None:
    demo = aggregating(make(), model_store="private")
    demo.attest()
    demo.store()
    ended = demo.submit(A, "CloseRound", "demo", 1, "")
    manifest = demo.read(H3, "ReadModel", ended["model"])
    assert manifest["store"] == "private"
    chunk = demo.chunk(H3, ended["model"])
    assert hashlib.sha256(chunk).hexdigest() == manifest["chunks"][0]
    assert chunk not in demo.ledger.state.values()


def test_stored_by_endorsers_from_their_own_work(make: Make) -> None:
    demo = aggregating(make())
    for verifier in (A, B):
        demo.prepare(verifier, "PrepareAggregate", "demo", 1)
    first, second = (demo.ledger.simulate(v, creator(A), "StoreModelChunk", "demo", "1", "0") for v in (A, B))
    assert first == second
    kinds = [key.split("\0")[1] for key in first.reads]
    assert sorted(kinds) == ["chunk", "consortium", "model", "round", "task"]
    assert sorted(key.split("\0")[1] for key in first.writes) == ["chunk", "stored"]


def test_refused_attestations(make: Make, refused: Refused) -> None:
    demo = aggregating(make())
    result = demo.attestation_result(A)
    other = result | {"model": "0" * 64}
    refused("ATTESTATION_MISMATCH", demo.submit, A, "AttestAggregate", "demo", 1, other)
    refused("NOT_READY", demo.submit, B, "AttestAggregate", "demo", 1, result)
    for wrong in ({}, result | {"model": 1}, result | {"counts": {"base": -1, "model": 0}}, [], result | {"x": 1}):
        refused("BAD_ATTESTATION", demo.submit, A, "AttestAggregate", "demo", 1, wrong)
    lie = result | {"worse": True}
    refused("BAD_ATTESTATION", demo.submit, A, "AttestAggregate", "demo", 1, lie)
    refused("BAD_ATTESTATION", demo.submit, A, "AttestAggregate", "demo", 1, {"model": "0" * 64, "worse": False})
    for msp, unit in ((H1, "client"), (A, "peer")):
        refused("ACCESS_DENIED", demo.submit, msp, "AttestAggregate", "demo", 1, result, unit=unit)
        refused("ACCESS_DENIED", demo.submit, msp, "StoreModelChunk", "demo", 1, 0, unit=unit)
    demo.prepare(B, "PrepareAggregate", "demo", 1)
    refused("BAD_CHUNK", demo.submit, A, "StoreModelChunk", "demo", 1, 1)
    refused("ACCESS_DENIED", demo.ledger.evaluate, B, creator(A), "PrepareAggregate", "demo", "1")


def test_bit_attests_no_counts(make: Make, refused: Refused) -> None:
    demo = aggregating(make(), disclosure="bit")
    result = demo.attestation_result(A)
    assert result.keys() == {"model", "worse"}
    counts = {"counts": {"base": 1, "model": 2}}
    refused("BAD_ATTESTATION", demo.submit, A, "AttestAggregate", "demo", 1, result | counts)
    demo.attest()
    demo.store()
    assert demo.submit(A, "CloseRound", "demo", 1, "")["model"] == result["model"]


def test_majority_with_one_verifier_astray(make: Make, refused: Refused) -> None:
    """Two of three equal results are final; the third one's stays in the state."""
    demo = aggregating(make(verifiers=[A, B, C]))
    for verifier in (A, B):
        demo.submit(verifier, "AttestAggregate", "demo", 1, demo.attestation_result(verifier))
    astray = demo.attestation_result(A) | {"model": "f" * 64}
    demo.submit(C, "AttestAggregate", "demo", 1, astray)
    demo.store()
    ended = demo.submit(A, "CloseRound", "demo", 1, "")
    assert ended["model"] == demo.read(H1, "ReadRoundStatus", "demo", 1)["aggregates"][A]["model"]
    assert demo.read(H1, "ReadRoundStatus", "demo", 1)["aggregates"][C]["model"] == "f" * 64
    assert ended["differing"] == [C]


def test_no_majority(make: Make, refused: Refused) -> None:
    demo = aggregating(make(verifiers=[A, B, C]))
    for verifier, digit in ((C, "f"), (B, "e")):
        result = demo.attestation_result(A) | {"model": digit * 64}
        endorsers = [msp for msp in (A, B, C) if msp != verifier]
        demo.ledger.submit(endorsers, creator(verifier), "AttestAggregate", "demo", "1", json.dumps(result))
    demo.submit(A, "AttestAggregate", "demo", 1, demo.attestation_result(A))
    text = refused("NO_MAJORITY", demo.submit, A, "CloseRound", "demo", 1, "")
    assert "2 equal attestations are needed" in text
    assert demo.submit(A, "AbortRound", "demo", 1, "verifiers differ")["state"] == "aborted"


@pytest.mark.parametrize(("tolerance", "kept"), [(0, True), (1000, False)])
def test_worse_model_is_not_taken(make: Make, tolerance: int, kept: bool) -> None:
    demo = make()
    demo.init()
    name = demo.put_model(demo.good_update())
    demo.submit(A, "CreateTask", demo.task(initial_model=name, rule={"name": "none"}, model_tolerance=tolerance))
    demo.submit(A, "OpenRound", "demo", 1)
    demo.hand_in(H1, demo.good_update(1, shift=1))
    demo.submit(A, "CloseSubmissions", "demo", 1, "")
    demo.verify(H1)
    demo.submit(A, "CloseVerdicts", "demo", 1, "")
    demo.attest()
    if not kept:
        demo.store()
    ended = demo.submit(A, "CloseRound", "demo", 1, "")
    assert ended["state"] == "closed"
    assert (ended["model"] == name) == kept
    assert (ended["reason"] == "MODEL_WORSE") == kept


def test_lost_memory_is_computed_again(make: Make, refused: Refused) -> None:
    demo = aggregating(make())
    demo.attest()
    demo.restart(B)
    refused("NOT_READY", demo.submit, A, "StoreModelChunk", "demo", 1, 0)
    demo.prepare(B, "PrepareAggregate", "demo", 1)
    demo.submit(A, "StoreModelChunk", "demo", 1, 0)
    demo.submit(A, "CloseRound", "demo", 1, "")


def test_base_with_lambda_one_is_its_own_successor(make: Make) -> None:
    """λ = 1 keeps w; the manifest of the initial model is not written over."""
    demo = aggregating(make(), rule={"name": "none"}, lambda_numerator=2, lambda_bits=1)
    demo.attest()
    demo.store()
    ended = demo.submit(A, "CloseRound", "demo", 1, "")
    assert ended["model"] == ended["base"]
    assert demo.read(A, "ReadModel", ended["model"])["parent"] is None
