# SPDX-License-Identifier: Apache-2.0
"""The new model of an encrypted task: attested by both parties, its chunks stored against the attested hash."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from medquorum.core import model as modelformat
from medquorum_testing.ledger.consortium_ledger import HOSPITALS, A, B, Consortium
from medquorum_testing.ledger.encrypted_consortium import EncryptedConsortium

H1, H2, H3 = HOSPITALS
C = "VerifierCMSP"
Make = Callable[..., Consortium]
Refused = Callable[..., str]


def aggregating(make: Make, *, masks: bool = True, **changes: Any) -> EncryptedConsortium:
    demo = make(EncryptedConsortium)
    assert isinstance(demo, EncryptedConsortium)
    demo.begin(**changes)
    demo.submit(A, "OpenRound", "demo", 1)
    for hospital in HOSPITALS:
        demo.hand_in(hospital, hospital.encode())
    demo.submit(A, "CloseSubmissions", "demo", 1, "")
    for hospital in HOSPITALS:
        demo.verify(hospital)
    demo.submit(A, "CloseVerdicts", "demo", 1, "")
    if masks:
        demo.masks()
    return demo


def chunks_of(packed: bytes) -> dict[str, Any]:
    return {"chunks": modelformat.chunk_hashes(packed)}


def put(demo: Consortium, packed: bytes, described: Any, index: int = 0, msp: str = A) -> Any:
    return demo.submit(msp, "PutAggregateChunk", "demo", 1, index, described, chunk=modelformat.stored_form(packed))


def test_rounds_follow_each_other(encrypted: Consortium) -> None:
    """Two rounds end to end: the second starts from the first one's model."""
    encrypted.begin()
    updates = {hospital: hospital.encode() for hospital in HOSPITALS}
    first = encrypted.play(1, updates)
    assert (first["state"], first["reason"], first["accepted"]) == ("closed", None, HOSPITALS)
    second = encrypted.play(2, updates)
    assert second["base"] == first["model"] != second["model"]
    assert encrypted.read(A, "ReadScores", "demo")[H1] == {
        "accepted": 2,
        "refused": 0,
        "unjudged": 0,
        "no_quorum": 0,
        "missing": 0,
        "weight": 0,
        "quality": 40,
        "claimants": {},
    }
    manifest = encrypted.read(H3, "ReadModel", second["model"])
    assert (manifest["parent"], manifest["accepted"], manifest["round"]) == (first["model"], HOSPITALS, 2)
    chunk = encrypted.chunk(H3, second["model"])
    assert hashlib.sha256(chunk).hexdigest() == manifest["chunks"][0]
    history = encrypted.read(A, "ReadHistory", "verdict", ["demo", 1, H1])
    assert [entry["document"] if entry["document"] == "pending" else "verdict" for entry in history] == [
        "verdict",
        "pending",
    ]


def test_stored_once_attested(make: Make, refused: Refused) -> None:
    demo = aggregating(make)
    packed = demo.new_model()
    described = chunks_of(packed)
    refused("NO_MAJORITY", put, demo, packed, described)
    demo.submit(A, "AttestAggregate", "demo", 1, demo.attestation_result(A))
    refused("ALREADY_ATTESTED", demo.submit, A, "AttestAggregate", "demo", 1, demo.attestation_result(A))
    refused("NO_MAJORITY", put, demo, packed, described)
    demo.submit(B, "AttestAggregate", "demo", 1, demo.attestation_result(B))
    refused("MODEL_MISSING", demo.submit, A, "CloseRound", "demo", 1, "")
    assert put(demo, packed, described, msp=B) == {"model": demo.attestation_result(A)["model"]}
    assert demo.ledger.events[-1][0] == "ModelChunkStored"
    assert put(demo, packed, described) == {"model": demo.attestation_result(A)["model"]}, (
        "sent again it changes nothing"
    )
    assert demo.read(H1, "ReadRoundStatus", "demo", 1)["stored_chunks"] == [0]
    assert demo.submit(A, "CloseRound", "demo", 1, "")["model"] == demo.attestation_result(A)["model"]
    refused("ROUND_STATE", put, demo, packed, described)


def test_other_bytes_are_not_stored(make: Make, refused: Refused) -> None:
    demo = aggregating(make, masks=False)
    demo.attest()
    packed, other = demo.new_model(), demo.model(5)
    described = chunks_of(packed)
    refused("BAD_MODEL", put, demo, other, chunks_of(other))
    for wrong in ({}, [], {"chunks": []}, {"chunks": "x"}, {"chunks": described["chunks"] * 2}, {"chunks": [1]}):
        refused("BAD_MODEL", put, demo, packed, wrong)
    refused("BAD_MODEL", put, demo, packed, described | {"layout": demo.layout})
    for wrong_bytes in (other, packed[:-4], b""):
        refused("BAD_CHUNK", put, demo, wrong_bytes, described)
    refused("BAD_CHUNK", put, demo, packed, described, index=1)
    refused("BAD_CHUNK", demo.submit, A, "PutAggregateChunk", "demo", 1, 0, described)
    for msp in (H1, C):
        refused("ACCESS_DENIED", put, demo, packed, described, msp=msp)
    assert demo.read(H1, "ReadRoundStatus", "demo", 1)["stored_chunks"] == []


def test_model_attested_with_another_number_of_chunks(make: Make, refused: Refused) -> None:
    """Both parties attest a hash over chunks that no model of the task has: nothing can be stored for it."""
    demo = aggregating(make)
    chunks = chunks_of(demo.new_model())["chunks"] * 2
    model = modelformat.model_hash(demo.layout, chunks)
    for party in (A, B):
        demo.submit(party, "AttestAggregate", "demo", 1, demo.attestation_result(party) | {"model": model})
    refused("BAD_MODEL", put, demo, demo.new_model(), {"chunks": chunks})


def test_parties_that_differ_keep_the_base(make: Make, refused: Refused) -> None:
    demo = aggregating(make)
    demo.submit(A, "AttestAggregate", "demo", 1, demo.attestation_result(A))
    demo.submit(B, "AttestAggregate", "demo", 1, demo.attestation_result(B, 2))
    refused("NO_MAJORITY", put, demo, demo.new_model(), chunks_of(demo.new_model()))
    refused("NO_MAJORITY", demo.submit, A, "CloseRound", "demo", 1, "")
    ended = demo.submit(A, "AbortRound", "demo", 1, "the parties differ")
    assert ended["model"] == ended["base"]


def test_attested_counts_are_still_checked(make: Make, refused: Refused) -> None:
    demo = aggregating(make)
    counts = {"base": 30, "model": 10}
    for wrong in (
        {"worse": False},
        {"counts": counts},
        {"model": "x"},
        {"accuracy": {"worse": True}},
        {"accuracy": {"worse": False, "counts": counts}},
        {"mismatch": "MASKS"},
        {"mismatch": "WHAT"},
    ):
        refused("BAD_ATTESTATION", demo.submit, B, "AttestAggregate", "demo", 1, demo.attestation_result(B) | wrong)
    for msp, other in ((A, B), (B, A)):
        refused("BAD_ATTESTATION", demo.submit, msp, "AttestAggregate", "demo", 1, demo.attestation_result(other))


def test_private_store(make: Make) -> None:
    demo = aggregating(make, masks=False, model_store="private")
    demo.attest()
    demo.store()
    ended = demo.submit(A, "CloseRound", "demo", 1, "")
    chunk = demo.chunk(H3, ended["model"])
    assert chunk == demo.new_model() and chunk not in demo.ledger.state.values()
